// Paths of znodes: absolute, `/`-separated, the root is `/`.
//
// Source: ZooKeeper documentation, "Data model: ZNodes".

/** The root's path. */
export const ROOT = "/";

/** The path above; the root's is the root. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? ROOT : path.slice(0, slash);
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The path of a child. */
export function childPath(parent: string, name: string): string {
  return parent === ROOT ? `/${name}` : `${parent}/${name}`;
}

/**
 * Why a path is not one, or null where it is.
 *
 * @param options `sequential`: a counter will be added, so that it may end in `/`.
 */
export function pathProblem(
  path: string,
  options: { sequential?: boolean } = {},
): string | null {
  const whole = options.sequential ? path + "1" : path;
  if (!whole.startsWith("/")) return "it must start with /";
  if (whole === ROOT) return null;
  if (whole.endsWith("/")) return "it must not end with /";
  for (const part of whole.slice(1).split("/")) {
    if (part === "") return "it has an empty part";
    if (part === "." || part === "..") return "it has a relative part";
  }
  for (let i = 0; i < whole.length; i++) {
    if (isForbidden(whole.charCodeAt(i))) {
      return `it has a forbidden character at ${i}`;
    }
  }
  return null;
}

function isForbidden(unit: number): boolean {
  return unit <= 0x1f || (unit >= 0x7f && unit <= 0x9f) ||
    (unit >= 0xd800 && unit <= 0xf8ff) || (unit >= 0xfff0 && unit <= 0xffff);
}
