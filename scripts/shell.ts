/** zx with our manners: what a helper says on stderr is shown when it fails, and not before. Developers' scripts only. */
import { $ } from "zx";

$.quiet = true;

export { $ };
