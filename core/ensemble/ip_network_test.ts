import { equal } from "node:assert/strict";
import fc from "fast-check";
import { addressBits, inNetwork, parseNetwork } from "./ip_network.ts";

function isIn(address: string, network: string): boolean {
  const bits = addressBits(address);
  const parsed = parseNetwork(network);
  return bits !== null && parsed !== null && inNetwork(bits, parsed);
}

Deno.test("addresses are in their networks", () => {
  const cases: [address: string, network: string, is: boolean][] = [
    ["10.0.0.7", "10.0.0.7", true],
    ["10.0.0.7", "10.0.0.8", false],
    ["10.1.2.3", "10.0.0.0/8", true],
    ["11.1.2.3", "10.0.0.0/8", false],
    ["10.0.0.255", "10.0.0.128/25", true],
    ["10.0.0.127", "10.0.0.128/25", false],
    ["1.2.3.4", "0.0.0.0/0", true],
    ["2001:db8::1", "2001:db8::/32", true],
    ["2001:db9::1", "2001:db8::/32", false],
    ["::1", "0:0:0:0:0:0:0:1", true],
    ["fe80::1%eth0", "fe80::/10", true],
    ["::ffff:10.0.0.7", "::ffff:a00:7", true],
    // One kind of address is in no network of the other.
    ["0.0.0.1", "::/0", false],
    ["::1", "0.0.0.0/0", false],
  ];
  for (const [address, network, is] of cases) {
    equal(isIn(address, network), is, `${address} in ${network}`);
  }
});

Deno.test("what is no network is none", () => {
  for (
    const text of [
      ...["", "x", "10.0.0", "10.0.0.0.0", "10.0.0.256", "10.0.0.0/33"],
      ...["10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8", "1:2", "::1::2"],
      ...["::/129", "12345::", "g::", "1:2:3:4:5:6:7:8:9", "10.0.0.0/ 8"],
    ]
  ) equal(parseNetwork(text), null, text);
});

Deno.test("an address is in its own network of any size", () => {
  fc.assert(fc.property(
    fc.ipV4(),
    fc.integer({ min: 0, max: 32 }),
    (address, prefix) => isIn(address, `${address}/${prefix}`),
  ));
  fc.assert(fc.property(
    fc.ipV6(),
    fc.integer({ min: 0, max: 128 }),
    (address, prefix) => isIn(address, `${address}/${prefix}`),
  ));
});
