import * as ts from 'typescript/unstable/ast';
import { createVirtualFileSystem } from 'typescript/unstable/fs';
import { API } from 'typescript/unstable/sync';

/*
 * Reads TypeScript as the compiler itself does: its parser is asked over the API that comes with it. That API is young
 * (`unstable` is part of its name), so this file alone knows it, and the compiler's version is pinned.
 */
export { ts };

/** One file of code, read. */
export interface Source {
  /** From the root of the house, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly root: ts.SourceFile;
  readonly comments: readonly Comment[];
  readonly imports: readonly Import[];
}

export interface Comment {
  readonly line: number;
  readonly text: string;
}

/** An arrow from one file to another: `import`, `export … from`, `import()`, `import('…').T`, `require()`. */
export interface Import {
  readonly line: number;
  /** As it is written; undefined: computed, so that nobody can tell which file it will be. */
  readonly specifier: string | undefined;
  /** Erased before the program runs. */
  readonly typeOnly: boolean;
  /** The names that are taken as values, as the other file exports them; `*`: all of it. */
  readonly values: readonly string[];
}

/** The compiler, asked by this process from its first question to its end; and the disk that it sees: memory alone. */
const disk = createVirtualFileSystem({});
let compiler: API | undefined;
let houses = 0;

/** Reads files of code, given by path. Resolves no import: what is not given is not looked at. Throws on bad syntax. */
export function parse(files: ReadonlyMap<string, string>): Source[] {
  const house = `/house-${++houses}`;
  const config = `${house}/tsconfig.json`;
  disk.writeFile?.(config, configFor([...files.keys()]));
  for (const [path, text] of files) disk.writeFile?.(`${house}/${path}`, text);
  compiler ??= new API({ cwd: '/', fs: disk });
  using snapshot = compiler.updateSnapshot({ openProjects: [config] });
  const program = snapshot.getProject(config)?.program;
  if (program === undefined) throw new Error('the compiler opened no project');
  for (const { fileName, pos, text } of program.getSyntacticDiagnostics()) {
    throw new Error(`${fileName?.replace(`${house}/`, '') ?? 'a file'}, character ${pos}: ${text}`);
  }
  return [...files].map(([path, text]) => {
    const root = program.getSourceFile(`${house}/${path}`);
    if (root === undefined) throw new Error(`the compiler did not read ${path}`);
    return { path, text, root, comments: commentsOf(root), imports: importsOf(root) };
  });
}

function configFor(paths: readonly string[]): string {
  return JSON.stringify({
    compilerOptions: { noLib: true, noResolve: true, types: [], jsx: 'preserve', module: 'nodenext', noEmit: true },
    files: paths.map((path) => `./${path}`),
  });
}

/** Visits a node and everything inside it, outside in. */
export function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  node.forEachChild((child) => visit(child, see));
}

/** The line on which a node begins, counted from 1. */
export function lineOf(root: ts.SourceFile, node: ts.Node): number {
  return root.getLineAndCharacterOfPosition(node.getStart(root)).line + 1;
}

/** How many lines a node stands on. */
export function heightOf(root: ts.SourceFile, node: ts.Node): number {
  return root.getLineAndCharacterOfPosition(node.end).line + 2 - lineOf(root, node);
}

/** The last name of a chain of accesses and its first: `it.only` → it, only; `process['env']` → process, env. */
export function accessOf(node: ts.Node): { readonly owner: ts.Node; readonly name: string } | undefined {
  if (ts.isPropertyAccessExpression(node)) return { owner: node.expression, name: node.name.text };
  if (ts.isElementAccessExpression(node) && ts.isStringLiteral(node.argumentExpression))
    return { owner: node.expression, name: node.argumentExpression.text };
  return undefined;
}

function isLiteral(node: ts.Node): boolean {
  switch (node.kind) {
    case ts.SyntaxKind.StringLiteral:
    case ts.SyntaxKind.NoSubstitutionTemplateLiteral:
    case ts.SyntaxKind.TemplateHead:
    case ts.SyntaxKind.TemplateMiddle:
    case ts.SyntaxKind.TemplateTail:
    case ts.SyntaxKind.RegularExpressionLiteral:
    case ts.SyntaxKind.JsxText:
      return true;
    default:
      return false;
  }
}

/** A tree holds no comments. What looks like one outside every literal is one. */
function commentsOf(root: ts.SourceFile): Comment[] {
  const parts: string[] = [];
  let at = 0;
  visit(root, (node) => {
    if (!isLiteral(node)) return;
    const start = node.kind === ts.SyntaxKind.JsxText ? node.pos : node.getStart(root);
    parts.push(root.text.slice(at, start), ' '.repeat(node.end - start));
    at = node.end;
  });
  const code = parts.join('') + root.text.slice(at);
  return [...code.matchAll(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g)].map(({ 0: text, index }) => ({
    line: root.getLineAndCharacterOfPosition(index).line + 1,
    text,
  }));
}

function importsOf(root: ts.SourceFile): Import[] {
  const found: Import[] = [];
  visit(root, (node) => {
    const arrow = arrowOf(node);
    if (arrow !== undefined) found.push({ line: lineOf(root, node), ...arrow });
  });
  return found;
}

function arrowOf(node: ts.Node): Omit<Import, 'line'> | undefined {
  if (ts.isImportDeclaration(node)) {
    const values = node.importClause === undefined ? ['*'] : valuesOf(node.importClause);
    return { specifier: textOf(node.moduleSpecifier), typeOnly: values.length === 0, values };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    const values = node.isTypeOnly ? [] : namesOf(node.exportClause);
    return { specifier: textOf(node.moduleSpecifier), typeOnly: values.length === 0, values };
  }
  if (ts.isImportTypeNode(node)) {
    const literal = ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined;
    return { specifier: textOf(literal), typeOnly: true, values: [] };
  }
  if (ts.isCallExpression(node)) {
    const { expression, arguments: given } = node;
    const loads =
      expression.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(expression) && expression.text === 'require');
    if (loads) return { specifier: textOf(given[0]), typeOnly: false, values: ['*'] };
  }
  return undefined;
}

/** What an import takes as values. `import {} from` runs the file, so it takes all of it. */
function valuesOf({ phaseModifier, name, namedBindings }: ts.ImportClause): string[] {
  if (phaseModifier === ts.SyntaxKind.TypeKeyword) return [];
  const named = namedBindings === undefined ? [] : namesOf(namedBindings);
  return name === undefined ? named : ['default', ...named];
}

function namesOf(bindings: ts.NamedImportBindings | ts.NamedExportBindings | undefined): string[] {
  if (bindings === undefined || ts.isNamespaceImport(bindings) || ts.isNamespaceExport(bindings)) return ['*'];
  if (bindings.elements.length === 0) return ['*'];
  return [...bindings.elements].filter((e) => !e.isTypeOnly).map((e) => (e.propertyName ?? e.name).text);
}

function textOf(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLikeNode(node) ? node.text : undefined;
}
