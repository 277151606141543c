import { crc32c } from "./crc32c.ts";

for (const size of [128, 16 * 1024, 1024 * 1024]) {
  const bytes = Uint8Array.from({ length: size }, (_, i) => i * 31);
  const rounds = Math.ceil(1024 * 1024 / size);
  Deno.bench(`crc32c() of 1 MiB in pieces of ${size} bytes`, () => {
    for (let i = 0; i < rounds; i++) crc32c(bytes);
  });
}
