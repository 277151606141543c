// JSON as ZooKeeper's admin server prints it: two blanks a level, a blank on both
// sides of the colon, 64-bit numbers in full, and fractions that stay fractions.

/** A number that Java holds as a double: printed with a fraction always. */
export class JavaDouble {
  constructor(readonly value: number) {}
}

export type AdminValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | JavaDouble
  | readonly AdminValue[]
  | { readonly [name: string]: AdminValue };

/** A document's text, without an end of line. */
export function adminJson(value: AdminValue, indent = ""): string {
  if (value instanceof JavaDouble) {
    const rounded = Math.round(value.value * 10_000) / 10_000;
    return Number.isInteger(rounded) ? `${rounded}.0` : String(rounded);
  }
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) {
    if (value.length === 0) return "[ ]";
    return `[ ${value.map((item) => adminJson(item, indent)).join(", ")} ]`;
  }
  const fields = Object.entries(value);
  if (fields.length === 0) return "{ }";
  const inner = `${indent}  `;
  const lines = fields.map(([name, item]) =>
    `${inner}${JSON.stringify(name)} : ${adminJson(item, inner)}`
  );
  return `{\n${lines.join(",\n")}\n${indent}}`;
}
