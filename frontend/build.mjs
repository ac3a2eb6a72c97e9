// Builds the console's bundles into the folder given as the only argument: each file's name holds
// a hash of its content, and manifest.json says which name stands for which. Text is also written
// compressed, so that the node serves it without doing that work.

import { readFileSync, writeFileSync, rmSync, mkdirSync, readdirSync } from "node:fs";
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const target = process.argv[2];
const ICONS = "node_modules/@tabler/icons/icons/outline";
const COMPRESSED = /\.(js|css|svg)$/;

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });

const result = await build({
  entryPoints: ["src/theme.js", "src/console.js", "src/console.css", "src/editor.js", "src/chart.js"],
  outdir: target,
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022"],
  supported: { nesting: true },
  legalComments: "eof",
  loader: { ".svg": "dataurl" },
  metafile: true,
  logLevel: "warning",
});

const manifest = {};
for (const [path, output] of Object.entries(result.metafile.outputs)) {
  if (!output.entryPoint) continue;
  const name = basename(output.entryPoint);
  manifest[name] = basename(path);
  if (output.cssBundle) manifest[name.replace(".js", ".css")] = basename(output.cssBundle);
}
manifest["icons.svg"] = written("icons", "svg", sprite());
manifest["mark.svg"] = written("mark", "svg", readFileSync("src/mark.svg", "utf8"));

for (const name of readdirSync(target).filter((name) => COMPRESSED.test(name))) {
  const content = readFileSync(join(target, name));
  const size = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  writeFileSync(join(target, `${name}.br`), brotliCompressSync(content, { params: size }));
  writeFileSync(join(target, `${name}.gz`), gzipSync(content, { level: 9 }));
}
writeFileSync(join(target, "manifest.json"), JSON.stringify(manifest, null, 2));

function written(name, suffix, content) {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 8).toUpperCase();
  const file = `${name}-${hash}.${suffix}`;
  writeFileSync(join(target, file), content);
  return file;
}

/** The icons of icons.txt in one file, each a symbol of its name. */
function sprite() {
  const names = readFileSync("icons.txt", "utf8").split("\n").filter(Boolean);
  const symbols = names.map((name) => {
    const svg = readFileSync(join(ICONS, `${name}.svg`), "utf8");
    const paths = svg.match(/<path[^>]*\/>/g).filter((path) => !path.includes('stroke="none"'));
    return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">${paths.join("")}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`;
}
