import { defineConfig } from "tsup";
import manifest from "./package.json" with { type: "json" };

/**
 * src/ becomes one bundle of a few chunks, cut where an import is dynamic: the launcher loads its own alone, and what it
 * does not import is neither read nor evaluated before the app runs. scripts/build.ts makes one executable of them.
 */
export default defineConfig({
  entry: { withssh: "src/main.ts" },
  outDir: "dist/bundle",
  format: "esm",
  outExtension: () => ({ js: ".mjs" }),
  platform: "node",
  target: "es2024",
  noExternal: [/^(?!bun:|node:)/],
  external: [/^bun:/, /^node:/],
  removeNodeProtocol: false,
  splitting: true,
  sourcemap: false,
  dts: false,
  silent: true,
  define: {
    WITHSSH_VERSION: JSON.stringify(manifest.version),
    // The compiler would write the build machine's path here; pino asks for it, for worker files that we never start.
    __dirname: '"/"',
    __filename: '"/withssh.mjs"',
  },
});
