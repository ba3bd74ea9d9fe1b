import { ConfigError, loadSettings, type Values } from '@ropeline/core/config.ts';
import type { EntrySigner } from '@ropeline/core/token/entry-token.ts';
import type { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { settings } from './config.ts';
import { type OperatorTokens, parseOperatorTokens } from './control-plane/operator-tokens.ts';
import { type PlaceSecretSources, readEntryKeys, readPlaceSecrets } from './entry-keys.ts';
import { loadRoomsFile, type RoomsFile } from './rooms-file.ts';

/** Everything that a gateway is started with, read and checked. */
export type Configuration = {
  readonly config: Values<typeof settings>;
  readonly operators: OperatorTokens;
  readonly roomsFile: RoomsFile;
  readonly signer: EntrySigner;
  readonly placeSecrets: PlaceSecretSources;
  readonly tickets: PlaceTickets;
};

/**
 * Reads the settings and then every file that they name. Throws one {@link ConfigError} with what is wrong with the
 * settings, or else with all that is wrong in the files.
 */
export async function readConfiguration(env: NodeJS.ProcessEnv): Promise<Configuration> {
  const config = loadSettings(settings, env);
  const placeSecrets = { file: config.placeSecretFile, given: config.placeSecrets };
  const problems: string[] = [];
  const collect = async <T>(read: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  };
  const operators = await collect(() => parseOperatorTokens(config.operatorTokens, config.operatorToken));
  const roomsFile = await collect(() => loadRoomsFile(config.roomsFile));
  const signer = await collect(() => readEntryKeys(config.entryKeysFile));
  const tickets = await collect(() => readPlaceSecrets(placeSecrets));
  if (operators && roomsFile && signer && tickets) {
    return { config, operators, roomsFile, signer, placeSecrets, tickets };
  }
  throw new ConfigError(problems);
}
