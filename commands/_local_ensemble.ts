import type { CommandContext } from "../core/cli/command.ts";
import { UsageError } from "../core/cli/usage_error.ts";
import type { Setting } from "../core/config/coordinator_config_load.ts";

export interface LocalEnsemble {
  readonly count: number;
  readonly directory: string;
  readonly clientPort: number;
  readonly keys: readonly Setting[];
}
export function runLocalEnsemble(
  _context: CommandContext,
  _ensemble: LocalEnsemble,
): Promise<number> {
  throw new UsageError("--ensemble is not there yet");
}
