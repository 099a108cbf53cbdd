/** `npm run demo:stop`: removes what `npm start` left: the container, its volume, its key. The image stays, as a cache. */
import { removeDemo } from "./demo-container.ts";
import { removeHostDemo } from "./demo-host.ts";
import { progress } from "./progress.ts";

try {
  await progress("remove the demo", async () => {
    const removed = await Promise.all([removeDemo(), removeHostDemo()]);
    return removed.includes(true) ? "it is gone" : "there was none";
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
