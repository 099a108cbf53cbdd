/** Images with ordinary users in them, for tests of what happens without root: one a base, made once a test file. */
import { buildImage } from "./boot.ts";
import type { Base } from "./test-images.ts";

const APP_UID = 1000;

/** Lines that add `app` (1000, also in `docker` 998) and `other` (1001). */
const USERS: Readonly<Record<Base, readonly string[]>> = {
  debian: [
    "RUN groupadd --gid 998 docker && useradd --uid 1000 --create-home --shell /bin/sh --groups docker app",
    "RUN useradd --uid 1001 --create-home --shell /bin/sh other",
  ],
  musl: [
    "RUN addgroup -g 998 docker && adduser -D -u 1000 -s /bin/sh app && addgroup app docker",
    "RUN adduser -D -u 1001 -s /bin/sh other",
  ],
};

/** As `buildImage`, with those users, and a volume at /volume that app owns (docker copies owner and mode to an empty one). */
export async function buildAppImage(base: Base, lines: readonly string[] = []): Promise<string> {
  const volume = `RUN mkdir -p /volume && chown ${APP_UID}:${APP_UID} /volume`;
  return await buildImage({ base, lines: [...USERS[base], volume, ...lines] });
}
