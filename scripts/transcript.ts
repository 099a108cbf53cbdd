/** `npm run transcript`: builds the executable and Dockerfile.debian, records a start and a login, writes it into README.md. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ensureDebianBase } from "./base-images.ts";
import { build } from "./build.ts";
import { buildDemoImage, DEMO } from "./demo-container.ts";
import { ensureEngine } from "./docker-engine.ts";
import { replaceMarked } from "./marked.ts";
import { ROOT } from "./places.ts";
import { progress } from "./progress.ts";
import { nativeTarget } from "./targets.ts";
import { recordTranscript } from "./transcript-record.ts";

const engine = await ensureEngine();
try {
  await build([nativeTarget("glibc")]);
  await progress("image from Dockerfile.debian", async () => void (await buildDemoImage(await ensureDebianBase())));
  await progress("start and login", async () => {
    const transcript = await recordTranscript(DEMO);
    const readme = join(ROOT, "README.md");
    await writeFile(readme, replaceMarked(await readFile(readme, "utf8"), "transcript", transcript));
  });
} finally {
  await engine.stop();
}
