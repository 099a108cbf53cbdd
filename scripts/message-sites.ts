/**
 * Where the code makes its messages: a site is an object literal or a call whose words a person may read. By syntax alone,
 * so that the page (message-rows.ts) and the recording in the tests (test/messages/recording.ts) see the same sites.
 */
import ts from "typescript";

export type SiteKind = "problem" | "refusal" | "words" | "check" | "event" | "health";

export interface Site {
  readonly id: string;
  readonly kind: SiteKind;
  /** The literal or the call. */
  readonly node: ts.ObjectLiteralExpression | ts.CallExpression;
  readonly what: ts.Expression;
  readonly saw: readonly ts.Expression[];
  readonly hint: readonly ts.Expression[];
  /** Made when its module is loaded, so told where this name is used. */
  readonly constant: string | undefined;
}

/** Events whose words are their own; those of the others are in events.ts. */
const WORDS: Readonly<Record<string, string>> = {
  debug: "text",
  "refused start": "text",
  refused: "why",
  disconnected: "why",
};

/** The sites of a file of src/, in order. */
export function findSites(file: string, source: ts.SourceFile): Site[] {
  const sites: Site[] = [];
  const visit = (node: ts.Node): void => {
    const found = ts.isObjectLiteralExpression(node)
      ? ofLiteral(node)
      : ts.isCallExpression(node) && ofCall(file, node);
    if (found) {
      const id = `${file}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}`;
      const double = sites.filter((site) => site.id.split("#")[0] === id).length;
      sites.push({ ...found, id: double === 0 ? id : `${id}#${double}`, constant: constantOf(node) });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return sites;
}

type Found = Omit<Site, "id" | "constant">;

function ofLiteral(node: ts.ObjectLiteralExpression): Found | undefined {
  const fields = readFields(node);
  const type = fields.get("type")?.[0];
  const field = type !== undefined && ts.isStringLiteral(type) ? WORDS[type.text] : undefined;
  const words = field === undefined ? undefined : fields.get(field)?.[0];
  if (words !== undefined) return { kind: "words", node, what: words, saw: [], hint: [] };
  if (type !== undefined) return undefined;
  const [saw, hint] = [fields.get("saw") ?? [], fields.get("hint") ?? []];
  const what = fields.get("what")?.[0];
  const isProblem = [...fields.keys()].every((name) => ["what", "saw", "hint"].includes(name));
  if (what !== undefined && isProblem) return { kind: "problem", node, what, saw, hint };
  const reason = fields.get("reason")?.[0];
  return reason === undefined ? undefined : { kind: "refusal", node, what: reason, saw, hint };
}

/** What each field may be; `...(x === undefined ? {} : { saw: x })` and `...(hint && { hint })` are looked into. */
export function readFields(node: ts.ObjectLiteralExpression): Map<string, ts.Expression[]> {
  const fields = new Map<string, ts.Expression[]>();
  const add = (name: string, value: ts.Expression) => fields.set(name, [...(fields.get(name) ?? []), value]);
  for (const property of node.properties) {
    if (ts.isPropertyAssignment(property) && ts.isIdentifier(property.name))
      add(property.name.text, property.initializer);
    else if (ts.isShorthandPropertyAssignment(property)) add(property.name.text, property.name);
    else if (ts.isSpreadAssignment(property)) {
      for (const inner of literalsIn(property.expression)) {
        for (const [name, values] of readFields(inner)) for (const value of values) add(name, value);
      }
    }
  }
  return fields;
}

function literalsIn(expression: ts.Expression): ts.ObjectLiteralExpression[] {
  if (ts.isParenthesizedExpression(expression)) return literalsIn(expression.expression);
  if (ts.isObjectLiteralExpression(expression)) return [expression];
  if (ts.isConditionalExpression(expression))
    return [...literalsIn(expression.whenTrue), ...literalsIn(expression.whenFalse)];
  return ts.isBinaryExpression(expression) ? literalsIn(expression.right) : [];
}

function ofCall(file: string, node: ts.CallExpression): Found | undefined {
  if (!ts.isIdentifier(node.expression)) return undefined;
  const [name, args] = [node.expression.text, node.arguments];
  const isLine = name === "line" && args.length >= 2;
  if (isLine && file === "src/events.ts") return args[1] && { kind: "event", node, what: args[1], saw: [], hint: [] };
  const text = args[2];
  if (isLine && file.startsWith("src/check") && text !== undefined && !ts.isObjectLiteralExpression(text))
    return { kind: "check", node, what: text, saw: [], hint: [] };
  const isHealth = file === "src/health.ts" && (name === "healthy" || name === "unhealthy");
  const said = args[0];
  if (isHealth && said !== undefined && !ts.isObjectLiteralExpression(said))
    return { kind: "health", node, what: said, saw: [], hint: [] };
  return undefined;
}

function constantOf(node: ts.Node): string | undefined {
  let name: string | undefined;
  for (let at: ts.Node = node.parent; at !== undefined; at = at.parent) {
    if (ts.isFunctionLike(at)) return undefined;
    if (ts.isVariableDeclaration(at) && ts.isIdentifier(at.name)) name = at.name.text;
  }
  return name;
}
