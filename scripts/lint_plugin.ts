// The project's own lint rules, listed under `lint.plugins` in deno.json:
//
//   kq/layers     imports follow the table of scripts/layers.ts
//   kq/world      only the host reaches the world; each ban names its replacement
//   kq/cost       no static import of modules that slow down every start
//   kq/tidy       no index.ts, no marks of unfinished work
//
// Tests, benchmarks, core/testing and scripts are exempt from `world` and `cost`.

import { isTest, whyNotImport } from "./layers.ts";

const ROOT = new URL("..", import.meta.url).pathname;

interface Ban {
  /** What to use instead, or why not. */
  readonly instead: string;
  /** Whether the file at this path may use it all the same. */
  readonly except?: (path: string) => boolean;
}

const isHost = (path: string) => path.startsWith("core/host/deno_");
const isMain = (path: string) => path === "main.ts";
const mayPrint = (path: string) =>
  isMain(path) || path.startsWith("core/cli/") || path.startsWith("commands/");
const isOutsideCore = (path: string) => !path.startsWith("core/");

const byHost = (instead: string): Ban => ({ instead, except: isHost });
const offLoop = (instead: string): Ban => ({
  instead:
    `it finishes off the event loop, so a simulation would not repeat: ${instead}`,
  except: isOutsideCore,
});

/** Globals, and members of globals as `object.member`; `.*` is any member. */
const BANNED: Readonly<Record<string, Ban>> = {
  "Deno.*": {
    instead: "take a Host or a Process (core/host/host.ts)",
    except: (path) => isHost(path) || isMain(path),
  },
  "Date.now": byHost("use host.clock.wallMs()"),
  "performance.now": byHost("use host.clock.monotonicMs()"),
  "Temporal.Now": byHost("use host.clock"),
  "setTimeout": byHost("use host.clock.after() or sleep()"),
  "setInterval": byHost("use host.clock.after(), again each time"),
  "setImmediate": byHost("use host.clock.after(0, …)"),
  "AbortSignal.timeout": byHost("use host.clock.after()"),
  "Math.random": byHost("use host.random()"),
  "crypto.getRandomValues": byHost("use host.randomBytes()"),
  "crypto.randomUUID": byHost("use host.randomBytes()"),
  "fetch": byHost("use host.net"),
  "WebSocket": byHost("use host.net"),
  "process.*": {
    instead: "take a Process (core/host/host.ts)",
    except: (path) => isHost(path) || isMain(path),
  },
  "console.*": {
    instead: "trace through what the caller gave; only cli and commands print",
    except: mayPrint,
  },
  "CompressionStream": offLoop("use the synchronous forms of node:zlib"),
  "DecompressionStream": offLoop("use the synchronous forms of node:zlib"),
  "crypto.subtle": offLoop("use the synchronous forms of node:crypto"),
  "Worker": offLoop("work in slices of this one"),
};

/** Modules of Node that reach the world. */
const WORLD_MODULES: Readonly<Record<string, string>> = {
  "node:fs": "host.disk",
  "node:fs/promises": "host.disk",
  "node:net": "host.net",
  "node:tls": "host.net",
  "node:http": "host.net",
  "node:https": "host.net",
  "node:http2": "host.net",
  "node:dgram": "host.net",
  "node:dns": "host.net",
  "node:timers": "host.clock",
  "node:timers/promises": "host.clock",
  "node:os": "a Process",
  "node:process": "a Process",
  "node:child_process": "nothing: kq starts no other program",
  "node:worker_threads": "nothing: state is not shared between threads",
};

/** Modules of Node that cost milliseconds at start; fine once somebody needs them. */
const SLOW_MODULES = new Set(["node:zlib", "node:crypto", "node:readline"]);

/** A file's path from the project's root; `null` for one that is not of the project. */
function pathOf(filename: string): string | null {
  if (!filename.startsWith("/")) return filename;
  return filename.startsWith(ROOT) ? filename.slice(ROOT.length) : null;
}

/** Rules of files of the project that are no tests. */
function ruleForCode(
  visitor: (
    context: Deno.lint.RuleContext,
    path: string,
  ) => Deno.lint.LintVisitor,
): Deno.lint.Rule {
  return {
    create(context) {
      const path = pathOf(context.filename);
      return path === null || isTest(path) ? {} : visitor(context, path);
    },
  };
}

/** Calls `meet` with each module that a file names: static, again exported, dynamic. */
function visitImports(
  meet: (
    specifier: string,
    node: Deno.lint.Node,
    how: "static" | "type" | "dynamic",
  ) => void,
): Deno.lint.LintVisitor {
  const source = (
    node:
      | Deno.lint.ImportDeclaration
      | Deno.lint.ExportNamedDeclaration
      | Deno.lint.ExportAllDeclaration,
  ) => {
    if (node.source === null) return;
    const kind = "importKind" in node ? node.importKind : node.exportKind;
    meet(node.source.value, node, kind === "type" ? "type" : "static");
  };
  return {
    ImportDeclaration: source,
    ExportNamedDeclaration: source,
    ExportAllDeclaration: source,
    ImportExpression(node) {
      if (
        node.source.type === "Literal" && typeof node.source.value === "string"
      ) {
        meet(node.source.value, node, "dynamic");
      }
    },
  };
}

const layersRule: Deno.lint.Rule = {
  create(context) {
    const path = pathOf(context.filename);
    if (path === null) return {};
    return visitImports((specifier, node) => {
      if (!specifier.startsWith(".")) return;
      const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
      const reason = whyNotImport(path, target);
      if (reason === null) return;
      context.report({ node, message: `Cannot import ${target}: ${reason}` });
    });
  },
};

const worldRule = ruleForCode((context, path) => {
  const report = (node: Deno.lint.Node, name: string) => {
    const ban = Object.hasOwn(BANNED, name)
      ? BANNED[name]
      : BANNED[`${name.split(".")[0]}.*`];
    if (ban === undefined || ban.except?.(path)) return;
    context.report({ node, message: `${name} is banned here: ${ban.instead}` });
  };
  const reportModule = (node: Deno.lint.Node, specifier: string) => {
    if (!Object.hasOwn(WORLD_MODULES, specifier) || isHost(path)) return;
    context.report({
      node,
      message: `${specifier} is banned here: use ${WORLD_MODULES[specifier]}`,
    });
  };
  const declared = declaredNames(context.sourceCode.text);
  const isGlobal = (name: string) => !declared.has(name);

  return {
    ...visitImports((specifier, node, how) => {
      if (how !== "type") reportModule(node, specifier);
    }),
    MemberExpression(node) {
      const name = memberName(node);
      if (name === null || !isGlobal(name.split(".")[0])) return;
      if (name === "process.getBuiltinModule") return; // Judged by its argument.
      report(node, name);
    },
    TSQualifiedName(node) {
      if (node.left.type === "Identifier" && node.left.name === "Deno") {
        report(node, `Deno.${node.right.name}`);
      }
    },
    CallExpression(node) {
      const [argument] = node.arguments;
      if (node.callee.type === "Identifier") {
        if (node.callee.name === "Date") report(node, "Date.now");
        else if (isGlobal(node.callee.name)) report(node, node.callee.name);
      } else if (
        node.callee.type === "MemberExpression" &&
        memberName(node.callee) === "process.getBuiltinModule" &&
        argument?.type === "Literal"
      ) {
        reportModule(node, String(argument.value));
      }
    },
    NewExpression(node) {
      if (node.callee.type !== "Identifier") return;
      const { name } = node.callee;
      if (name === "Date") {
        if (node.arguments.length === 0) report(node, "Date.now");
      } else if (isGlobal(name)) {
        report(node, name);
      }
    },
  };
});

/** `object.member` of a member of a global, without `globalThis.`; else `null`. */
function memberName(node: Deno.lint.MemberExpression): string | null {
  const { object, property } = node;
  const member = property.type === "Identifier" && !node.computed
    ? property.name
    : property.type === "Literal"
    ? String(property.value)
    : null;
  if (member === null) return null;
  if (object.type === "Identifier") {
    return object.name === "globalThis" ? member : `${object.name}.${member}`;
  }
  if (object.type === "MemberExpression") {
    const inner = memberName(object);
    return inner !== null && object.object.type === "Identifier" &&
        object.object.name === "globalThis"
      ? `${inner}.${member}`
      : null;
  }
  return null;
}

/**
 * Names that a file declares itself, so that they mean no global in it. Deno's
 * plugins are given no scopes, so this reads the text; parameters count where
 * they carry a type, as they all do.
 */
function declaredNames(text: string): ReadonlySet<string> {
  const names = new Set<string>();
  const declaration =
    /\b(?:function\*?|const|let|var|class)\s+(\w+)|(?:[({,]|\breadonly)\s*(\w+)\??\s*:\s*[\w"{(]|\bimport\s+(?:type\s+)?(?:\*\s+as\s+)?(\w+)\s+from/g;
  for (const match of text.matchAll(declaration)) {
    const name = match[1] ?? match[2] ?? match[3];
    if (name !== undefined) names.add(name);
  }
  for (const [, list] of text.matchAll(/\bimport\s*(?:type\s*)?{([^}]*)}/g)) {
    for (const part of list.split(",")) {
      names.add(part.trim().split(/\s+as\s+|\s+/).at(-1) ?? "");
    }
  }
  for (const [, list] of text.matchAll(/\b(?:const|let)\s*{([^}]*)}/g)) {
    for (const part of list.split(",")) {
      names.add(part.trim().split(/[:=\s]/)[0]);
    }
  }
  return names;
}

const costRule = ruleForCode((context) =>
  visitImports((specifier, node, how) => {
    if (how !== "static" || !SLOW_MODULES.has(specifier)) return;
    context.report({
      node,
      message:
        `A static import of ${specifier} slows down every start: use process.getBuiltinModule("${specifier}") when it is needed`,
    });
  })
);

const tidyRule: Deno.lint.Rule = {
  create(context) {
    const path = pathOf(context.filename);
    if (path === null) return {};
    return {
      Program(node) {
        if (/(^|\/)index\.ts$/.test(path)) {
          context.report({
            node,
            message: "index.ts says nothing: name the file after its export",
          });
        }
        for (const comment of context.sourceCode.getAllComments()) {
          if (!/\b(FIXME|TODO|XXX)\b/.test(comment.value)) continue;
          context.report({
            range: comment.range,
            message: "Finish it, or say in a sentence what is not there",
          });
        }
      },
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "kq",
  rules: {
    layers: layersRule,
    world: worldRule,
    cost: costRule,
    tidy: tidyRule,
  },
};

export default plugin;
