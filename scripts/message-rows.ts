/**
 * The table of all messages, read out of the code itself: each site's words as a template, with `…` where a value stands.
 * Words that come through a parameter, a constant, a table or a function's returns are followed to where they are written.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { findSites, readFields, type Site, type SiteKind } from "./message-sites.ts";
import { ROOT as root } from "./places.ts";

export interface MessageTable {
  readonly events: readonly EventRow[];
  readonly rows: readonly MessageRow[];
  /** Sites that hand on the words of others, alone or with something before. */
  readonly passing: ReadonlySet<string>;
}

export interface MessageRow {
  readonly file: string;
  readonly kind: SiteKind;
  /** `there is no user …` */
  readonly template: string;
  readonly hints: readonly string[];
  /** All that may make it. */
  readonly sites: readonly string[];
}

const HOLE = "…";
const DEEP = 12;
/** Fields that hold words in a table of ours (setting-kinds.ts), by whatever variable they are reached. */
const TABLED: ReadonlySet<string> = new Set(["accepts"]);

/** A line of the log whose name is its own. */
export interface EventRow {
  readonly msg: string;
  readonly level: string;
  readonly fields: readonly string[];
}

/** What the parameters of a function and the variables of a loop over a table may read as. */
type Scope = ReadonlyMap<ts.Symbol, readonly string[]>;
const EMPTY: Scope = new Map();

/** Every message of src/, in the order of the files and lines. */
export function readMessages(): MessageTable {
  const files = readdirSync(join(root, "src")).filter((name) => name.endsWith(".ts"));
  const program = ts.createProgram(
    files.map((name) => join(root, "src", name)),
    {
      noEmit: true,
      strict: true,
      target: ts.ScriptTarget.ES2024,
      module: ts.ModuleKind.ESNext,
      types: ["bun-types"],
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
    },
  );
  const reader = new Reader(program);
  const passing = new Set<string>();
  const rows = files.sort().flatMap((name) => {
    const source = program.getSourceFile(join(root, "src", name));
    return source === undefined ? [] : rowsOf(`src/${name}`, findSites(`src/${name}`, source), reader, passing);
  });
  const source = program.getSourceFile(join(root, "src", "events.ts"));
  const events =
    source === undefined ? [] : findSites("src/events.ts", source).flatMap((site) => eventOf(site, reader));
  return { rows, passing, events };
}

function eventOf({ kind, node, what }: Site, reader: Reader): EventRow[] {
  const [msg = ""] = reader.templates(what, EMPTY);
  if (kind !== "event" || !ts.isCallExpression(node) || !/[A-Za-z]{3}/.test(msg)) return [];
  const [level, , fields] = node.arguments;
  const levels = level === undefined ? [] : reader.templates(level, EMPTY);
  const names = fields !== undefined && ts.isObjectLiteralExpression(fields) ? [...readFields(fields).keys()] : [];
  return [{ msg, level: levels.includes(HOLE) ? "of what it is about" : levels.join(" or "), fields: names }];
}

function rowsOf(file: string, sites: readonly Site[], reader: Reader, passing: Set<string>): MessageRow[] {
  const rows = new Map<string, { kind: SiteKind; hints: Set<string>; sites: Set<string> }>();
  for (const site of sites) {
    for (const scope of reader.scopesOf([site.what, ...site.saw, ...site.hint])) {
      const hints = site.hint.flatMap((hint) => reader.templates(hint, scope)).filter((hint) => hint !== "");
      for (const template of reader.templates(site.what, scope)) {
        if (!/[A-Za-z]{3}/.test(template)) {
          passing.add(site.id);
          continue;
        }
        const row = rows.get(template) ?? { kind: site.kind, hints: new Set<string>(), sites: new Set<string>() };
        for (const hint of hints) row.hints.add(hint);
        row.sites.add(site.id);
        rows.set(template, row);
      }
    }
  }
  return [...rows].map(([template, row]) => ({
    file,
    kind: row.kind,
    template,
    hints: [...row.hints],
    sites: [...row.sites],
  }));
}

class Reader {
  readonly #checker: ts.TypeChecker;
  readonly #calls = new Map<ts.Symbol, ts.CallExpression[]>();
  readonly #columns = new Map<string, ts.Expression[]>();

  constructor(program: ts.Program) {
    this.#checker = program.getTypeChecker();
    const visit = (node: ts.Node): void => {
      if (ts.isPropertyAssignment(node) && ts.isIdentifier(node.name) && TABLED.has(node.name.text))
        this.#columns.set(node.name.text, [...(this.#columns.get(node.name.text) ?? []), node.initializer]);
      if (ts.isCallExpression(node)) {
        const symbol = this.#symbolOf(node.expression);
        if (symbol !== undefined) this.#calls.set(symbol, [...(this.#calls.get(symbol) ?? []), node]);
      }
      ts.forEachChild(node, visit);
    };
    for (const source of program.getSourceFiles()) if (source.fileName.startsWith(join(root, "src"))) visit(source);
    this.#followCallbacks();
  }

  /** A function that is handed on is called where its parameter is. */
  #followCallbacks(): void {
    for (const call of [...this.#calls.values()].flat()) {
      const parameters = this.#symbolOf(call.expression)?.valueDeclaration;
      if (parameters === undefined || !ts.isFunctionDeclaration(parameters)) continue;
      call.arguments.forEach((argument, at) => {
        const handed = ts.isIdentifier(argument) ? this.#symbolOf(argument) : undefined;
        const name = parameters.parameters[at]?.name;
        const inner = this.#calls.get((name && this.#symbolOf(name)) as ts.Symbol) ?? [];
        if (handed !== undefined && inner.length > 0)
          this.#calls.set(handed, [...(this.#calls.get(handed) ?? []), ...inner]);
      });
    }
  }

  #symbolOf(node: ts.Node): ts.Symbol | undefined {
    const symbol =
      ts.isShorthandPropertyAssignment(node.parent) && node.parent.name === node
        ? this.#checker.getShorthandAssignmentValueSymbol(node.parent)
        : this.#checker.getSymbolAtLocation(node);
    return symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0
      ? this.#checker.getAliasedSymbol(symbol)
      : symbol;
  }

  /** Every meaning that the free names of these expressions can have together, each once. */
  scopesOf(expressions: readonly ts.Expression[], within: readonly ts.Node[] = []): Scope[] {
    const groups = new Map<ts.Node, ts.Symbol[]>();
    const seen = new Set<ts.Symbol>();
    const visit = (node: ts.Node): void => {
      if (ts.isFunctionLike(node)) return;
      if (!ts.isIdentifier(node)) {
        ts.forEachChild(node, visit);
        return;
      }
      const symbol = this.#symbolOf(node);
      const declaration = symbol?.valueDeclaration;
      if (symbol === undefined || declaration === undefined || seen.has(symbol)) return;
      seen.add(symbol);
      if (ts.isVariableDeclaration(declaration) && declaration.initializer !== undefined)
        visit(declaration.initializer);
      const owner = ts.isParameter(declaration)
        ? declaration.parent
        : ts.isBindingElement(declaration)
          ? tableLoopOf(declaration)
          : undefined;
      if (owner === undefined || within.includes(owner) || !this.#isWords(node)) return;
      groups.set(owner, [...(groups.get(owner) ?? []), symbol]);
    };
    for (const expression of expressions) visit(expression);
    let scopes: Scope[] = [EMPTY];
    for (const [owner, symbols] of groups) {
      const group = ts.isForOfStatement(owner)
        ? this.#rowsOf(owner)
        : this.#callsOf(owner as ts.SignatureDeclaration, symbols, [...within, owner]);
      if (group.length > 0) scopes = scopes.flatMap((scope) => group.map((one) => new Map([...scope, ...one])));
    }
    return scopes;
  }

  #isWords(node: ts.Node): boolean {
    const type = this.#checker.getTypeAtLocation(node);
    return (type.isUnion() ? type.types : [type]).some((one) => (one.flags & ts.TypeFlags.StringLike) !== 0);
  }

  #callsOf(owner: ts.SignatureDeclaration, wanted: readonly ts.Symbol[], within: readonly ts.Node[]): Scope[] {
    const name = functionName(owner);
    const symbol = name === undefined ? undefined : this.#symbolOf(name);
    const found = new Map<string, Scope>();
    for (const call of this.#calls.get(symbol as ts.Symbol) ?? []) {
      const given = owner.parameters.flatMap((parameter, at) => {
        const own = this.#symbolOf(parameter.name);
        return own !== undefined && wanted.includes(own)
          ? [{ own, value: call.arguments[at] ?? parameter.initializer }]
          : [];
      });
      const values = given.flatMap(({ value }) => (value === undefined ? [] : [value]));
      for (const scope of this.scopesOf(values, within)) {
        const bound = given.map(
          ({ own, value }) => [own, value === undefined ? [] : this.templates(value, scope)] as const,
        );
        found.set(JSON.stringify(bound.map(([, texts]) => texts)), new Map(bound));
      }
    }
    return [...found.values()];
  }

  #bind(owner: ts.SignatureDeclaration, call: ts.CallExpression, scope: Scope, depth: number): Scope {
    const bound = new Map<ts.Symbol, readonly string[]>();
    owner.parameters.forEach((parameter, at) => {
      const symbol = this.#symbolOf(parameter.name);
      const value = call.arguments[at] ?? parameter.initializer;
      if (symbol === undefined || !this.#isWords(parameter.name)) return;
      bound.set(symbol, value === undefined ? [] : this.templates(value, scope, depth + 1));
    });
    return bound;
  }

  /** `for (const [a, b] of TABLE)`: the rows of the table. */
  #rowsOf(loop: ts.ForOfStatement): Scope[] {
    const table = this.#symbolOf(loop.expression)?.valueDeclaration;
    const literal = table !== undefined && ts.isVariableDeclaration(table) ? table.initializer : undefined;
    const names = ts.isVariableDeclarationList(loop.initializer) ? loop.initializer.declarations[0]?.name : undefined;
    if (literal === undefined || !ts.isArrayLiteralExpression(literal)) return [];
    if (names === undefined || !ts.isArrayBindingPattern(names)) return [];
    return literal.elements.filter(ts.isArrayLiteralExpression).map((row) => {
      const bound = new Map<ts.Symbol, readonly string[]>();
      names.elements.forEach((element, at) => {
        const symbol = ts.isBindingElement(element) ? this.#symbolOf(element.name) : undefined;
        const value = row.elements[at];
        if (symbol !== undefined && value !== undefined) bound.set(symbol, this.templates(value, EMPTY));
      });
      return bound;
    });
  }

  /** What the expression may read as. */
  templates(expression: ts.Expression, scope: Scope, depth = 0): string[] {
    if (depth > DEEP) return [HOLE];
    const again = (inner: ts.Expression) => this.templates(inner, scope, depth + 1);
    if (ts.isStringLiteralLike(expression)) return [expression.text];
    if (ts.isNumericLiteral(expression)) return [expression.text];
    if (
      ts.isParenthesizedExpression(expression) ||
      ts.isAsExpression(expression) ||
      ts.isNonNullExpression(expression) ||
      ts.isSatisfiesExpression(expression)
    )
      return again(expression.expression);
    if (ts.isConditionalExpression(expression))
      return unique([...again(expression.whenTrue), ...again(expression.whenFalse)]);
    if (ts.isTemplateExpression(expression)) return this.#spans(expression, again);
    if (ts.isBinaryExpression(expression)) {
      const operator = expression.operatorToken.kind;
      if (operator === ts.SyntaxKind.QuestionQuestionToken || operator === ts.SyntaxKind.BarBarToken)
        return unique([...again(expression.left), ...again(expression.right)]);
    }
    const type = this.#checker.getTypeAtLocation(expression);
    if (type.isStringLiteral() || type.isNumberLiteral()) return [String(type.value)];
    if ((type.flags & ts.TypeFlags.Undefined) !== 0) return [];
    if (ts.isIdentifier(expression)) return this.#ofName(expression, scope, depth);
    if (ts.isCallExpression(expression)) return this.#ofCall(expression, scope, depth);
    if (ts.isPropertyAccessExpression(expression) && TABLED.has(expression.name.text))
      return unique(
        (this.#columns.get(expression.name.text) ?? []).flatMap((cell) => this.templates(cell, EMPTY, depth + 1)),
      ).filter(isPhrase);
    if (ts.isPropertyAccessExpression(expression) && expression.name.text === "message")
      return this.#thrown(expression, depth);
    return [HOLE];
  }

  /** `error.message` of a class of the same file: whatever it is thrown with. */
  #thrown({ expression }: ts.PropertyAccessExpression, depth: number): string[] {
    const owner = this.#checker.getTypeAtLocation(expression).symbol?.valueDeclaration;
    const source = expression.getSourceFile();
    if (owner === undefined || owner.getSourceFile() !== source || !ts.isClassDeclaration(owner)) return [HOLE];
    const found: string[] = [];
    const visit = (node: ts.Node): void => {
      const [words] =
        ts.isNewExpression(node) && node.expression.getText() === owner.name?.text ? (node.arguments ?? []) : [];
      if (words !== undefined)
        for (const scope of this.scopesOf([words])) found.push(...this.templates(words, scope, depth + 1));
      ts.forEachChild(node, visit);
    };
    visit(source);
    return found.length === 0 ? [HOLE] : unique(found);
  }

  #spans(expression: ts.TemplateExpression, again: (inner: ts.Expression) => string[]): string[] {
    let texts = [expression.head.text];
    for (const span of expression.templateSpans) {
      const found = again(span.expression);
      const isFixed = found.length === 1 && this.#isFixed(span.expression);
      // A name, a plural's "s" or a part that may be missing is a value like any other.
      const parts = found.length > 0 && (isFixed || found.every(isPhrase)) ? found : [HOLE];
      texts = texts.flatMap((text) => parts.map((part) => text + part + span.literal.text));
    }
    return unique(texts.map((text) => text.replace(/…+/g, HOLE)));
  }

  #isFixed(expression: ts.Expression): boolean {
    const type = this.#checker.getTypeAtLocation(expression);
    return type.isStringLiteral() || type.isNumberLiteral();
  }

  #ofName(expression: ts.Identifier, scope: Scope, depth: number): string[] {
    const symbol = this.#symbolOf(expression);
    const bound = symbol === undefined ? undefined : scope.get(symbol);
    if (bound !== undefined) return [...bound];
    const declaration = symbol?.valueDeclaration;
    if (declaration === undefined || !ts.isVariableDeclaration(declaration)) return [HOLE];
    const isConst = (ts.getCombinedNodeFlags(declaration) & ts.NodeFlags.Const) !== 0;
    if (!isConst || declaration.initializer === undefined || !ts.isIdentifier(declaration.name)) return [HOLE];
    return this.templates(declaration.initializer, scope, depth + 1);
  }

  /** What a function of ours may return, where it returns words. */
  #ofCall(call: ts.CallExpression, scope: Scope, depth: number): string[] {
    const declared = this.#symbolOf(call.expression)?.valueDeclaration;
    const owner =
      declared !== undefined && ts.isVariableDeclaration(declared) && declared.initializer !== undefined
        ? declared.initializer
        : declared;
    if (owner === undefined || !(ts.isFunctionDeclaration(owner) || ts.isArrowFunction(owner))) return [HOLE];
    if (owner.body === undefined || !owner.getSourceFile().fileName.startsWith(join(root, "src"))) return [HOLE];
    const inner = new Map([...scope, ...this.#bind(owner, call, scope, depth)]);
    if (!ts.isBlock(owner.body)) return this.templates(owner.body, inner, depth + 1);
    const found: string[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isReturnStatement(node) && node.expression !== undefined)
        found.push(...this.templates(node.expression, inner, depth + 1));
      else if (!ts.isFunctionLike(node)) ts.forEachChild(node, visit);
    };
    visit(owner.body);
    return found.length === 0 ? [HOLE] : unique(found);
  }
}

const isPhrase = (text: string): boolean => text.split(" ").length > 2;

const unique = (texts: readonly string[]): string[] => [...new Set(texts)];

function functionName(owner: ts.SignatureDeclaration): ts.Node | undefined {
  if (ts.isFunctionDeclaration(owner) || ts.isMethodDeclaration(owner)) return owner.name;
  return ts.isVariableDeclaration(owner.parent) ? owner.parent.name : undefined;
}

function tableLoopOf(element: ts.BindingElement): ts.ForOfStatement | undefined {
  for (let at: ts.Node = element; at !== undefined; at = at.parent) {
    if (ts.isForOfStatement(at)) return at;
    if (ts.isBlock(at)) return undefined;
  }
  return undefined;
}

/** Whether `text` is what the template becomes with values. */
export function fits(template: string, text: string): boolean {
  const pattern = template.split(HOLE).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${pattern.join("[^]*")}$`).test(text);
}

/** How much of a template is words of ours: of two that fit, the one that says more is meant. */
export const weigh = (template: string): number => template.replaceAll(HOLE, "").length;
