// Microsoft's own KQL parser and binder over questions given as JSON on standard input:
//   [{"kql": "...", "tables": {"T": {"Column": "type"}}}]  ->  [[{severity, code, start, length, text}], ...]
// Run by tests/kusto/binder.py in the directory the package is installed in.

"use strict";

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const MIXED = "MIXED";
const COMPARISONS = new Set(["==", "!=", "=~", "!~", "<", "<=", ">", ">=", "in", "!in", "in~", "!in~"]);
const NUMBERS = new Set(["int", "long", "real", "decimal"]);
const UNKNOWN = new Set(["dynamic", "error", "null", "unknown"]);

for (const file of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
  const place = path.join(process.cwd(), "node_modules", "@kusto", "language-service-next", file);
  vm.runInThisContext(fs.readFileSync(place, "utf8"), place); // they speak to each other through globals
}
const { KustoCode, GlobalState, Symbols, Syntax } = globalThis.Kusto.Language;

const databases = new Map();

function database(tables) {
  const key = JSON.stringify(tables);
  if (!databases.has(key)) {
    const symbols = Object.entries(tables).map(([table, columns]) => {
      const schema = Object.entries(columns).map(([column, kind]) => `['${column}']: ${kind}`);
      return new Symbols.TableSymbol.$ctor7(table, `(${schema.join(", ")})`, null);
    });
    databases.set(key, GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor("workspace", symbols)));
  }
  return databases.get(key);
}

function listed(found) {
  return Array.from({ length: found.Count }, (_, place) => found.getItem(place));
}

function diagnosed(code) {
  return listed(code.GetDiagnostics()).map((one) => ({
    severity: one.Severity,
    code: one.Code,
    start: one.Start,
    length: one.Length,
    text: one.Message,
  }));
}

// Kusto binds `ResultType == 0` over a column of text and compares as it thinks best: an error here.
function mixed(code) {
  const found = [];
  for (const kind of [Syntax.BinaryExpression, Syntax.InExpression]) {
    for (const node of listed(code.Syntax.GetDescendants(kind))) {
      const others = node.Right.Expressions ? listed(node.Right.Expressions).map((one) => one.Element$1) : [node.Right];
      if (!COMPARISONS.has(node.Operator.Text)) continue;
      for (const other of others) {
        const types = [node.Left, other].map((side) => side.ResultType && side.ResultType.Name);
        if (types.some((type) => !type || UNKNOWN.has(type)) || types[0] === types[1]) continue;
        if (types.every((type) => NUMBERS.has(type))) continue;
        const text = `${types[0]} is compared with ${types[1]}, expected two values of one type`;
        found.push({ severity: "Error", code: MIXED, start: node.TextStart, length: node.Width, text });
      }
    }
  }
  return found;
}

const questions = JSON.parse(fs.readFileSync(0, "utf8"));
const answers = questions.map(({ kql, tables }) => {
  const code = KustoCode.ParseAndAnalyze(kql, database(tables));
  return [...diagnosed(code), ...mixed(code)];
});
process.stdout.write(JSON.stringify(answers));
