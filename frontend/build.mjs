/** Bundle the editor into the package that serves it, with the licences of all that is in it. */
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] || join(here, "../newsletter/web/static/vendor/editor"));
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const made = await build({
  absWorkingDir: here,
  entryPoints: {
    editor: "src/main.js",
    templates: "src/templates.js",
    translations: "src/translations.js",
    snippet_page: "src/snippet_page.js",
  },
  outdir: out,
  bundle: true,
  // The names of chunks follow from the paths: packages that are linked from elsewhere make the same.
  preserveSymlinks: true,
  splitting: true,
  format: "esm",
  chunkNames: "[name]-[hash]",
  minify: true,
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none",
  metafile: true,
});
const packages = new Map();
for (const input of Object.keys(made.metafile.inputs)) {
  const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input) || [];
  if (name && !packages.has(name)) packages.set(name, join(here, "node_modules", name));
}
const licences = [...packages].sort().map(([name, folder]) => {
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  return `${name} ${version} (${license})\n\n${file ? readFileSync(join(folder, file), "utf8").trim() : ""}\n`;
});
writeFileSync(join(out, "LICENSES.txt"), licences.join(`\n${"-".repeat(72)}\n\n`));
writeFileSync(
  join(out, "README"),
  "The editor of issues, bundled by `make bundle` from frontend/src and the packages that\nfrontend/package-lock.json names. Do not edit; LICENSES.txt holds the packages' licences.\n",
);
const files = readdirSync(out).sort();
const sum = (file) =>
  createHash("sha256")
    .update(readFileSync(join(out, file)))
    .digest("hex");
writeFileSync(join(out, "SHA256SUMS"), files.map((file) => `${sum(file)}  ${file}\n`).join(""));
