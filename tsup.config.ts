import { defineConfig } from "tsup";
import manifest from "./package.json" with { type: "json" };

/**
 * src/ becomes one CommonJS file (bytecode wants CommonJS). Dynamic imports stay lazy in it: what the launcher does not
 * import is not evaluated before the app runs. scripts/build.ts compiles it, and says where it goes.
 */
export default defineConfig({
  entry: { withssh: "src/main.ts" },
  outDir: "dist/bundle",
  format: "cjs",
  outExtension: () => ({ js: ".cjs" }),
  platform: "node",
  target: "es2024",
  noExternal: [/^(?!bun:|node:)/],
  external: [/^bun:/, /^node:/],
  removeNodeProtocol: false,
  splitting: false,
  sourcemap: false,
  dts: false,
  silent: true,
  define: {
    WITHSSH_VERSION: JSON.stringify(manifest.version),
    // The compiler would write the build machine's path here; pino asks for it, for worker files that we never start.
    __dirname: '"/"',
    __filename: '"/withssh.cjs"',
  },
});
