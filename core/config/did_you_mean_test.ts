import { equal } from "node:assert/strict";
import { didYouMean, nearestName } from "./did_you_mean.ts";

const NAMES = ["log.dirs", "log.dir", "listeners", "num.partitions"];

Deno.test("nearestName() finds slips of the finger", () => {
  const cases: [name: string, nearest: string | null][] = [
    ["log.dirrs", "log.dirs"],
    ["listener", "listeners"],
    ["LISTENERS", "listeners"],
    ["num.partition", "num.partitions"],
    ["numpartitions", "num.partitions"],
    ["log.idr", "log.dir"],
    ["zookeeper", null],
    ["x", null],
    ["", null],
  ];
  for (const [name, nearest] of cases) equal(nearestName(name, NAMES), nearest);
});

Deno.test("didYouMean() is a half sentence, or nothing", () => {
  equal(didYouMean("listner", NAMES), ', did you mean "listeners"?');
  equal(didYouMean("colour", NAMES), "");
});
