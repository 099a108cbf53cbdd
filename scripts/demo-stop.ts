/** `npm run demo:stop`: removes what `npm start` left: the container, its volume, its key. The image stays, as a cache. */
import { removeDemo } from "./demo-container.ts";
import { removeHostDemo } from "./demo-host.ts";
import { progress } from "./progress.ts";

await progress("remove the demo", async () => void (await Promise.all([removeDemo(), removeHostDemo()])));
