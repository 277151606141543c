import { equal } from "node:assert/strict";
import { encodeHex, encodeUtf8 } from "./bytes.ts";
import { hash, hmac } from "./hash.ts";

Deno.test("hash() gives the digests of FIPS 180-4", () => {
  equal(
    encodeHex(hash("SHA-256", encodeUtf8("abc"))),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  equal(
    encodeHex(hash("SHA-512", encodeUtf8("abc"))).slice(0, 32),
    "ddaf35a193617abacc417349ae204131",
  );
});

Deno.test("hmac() gives the second test case of RFC 4231", () => {
  const data = encodeUtf8("what do ya want for nothing?");
  equal(
    encodeHex(hmac("SHA-256", encodeUtf8("Jefe"), data)),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
  equal(
    encodeHex(hmac("SHA-512", encodeUtf8("Jefe"), data)).slice(0, 32),
    "164b7a7bfcf819e2e395fbe73b56e0a3",
  );
});
