import { readFileSync } from 'node:fs';
import type { Logger } from '@ropeline/core/log.ts';
import type { EntrySigner, EntryVerifier } from '@ropeline/core/token/entry-token.ts';
import type { PlaceTickets } from '@ropeline/core/token/place-ticket.ts';
import { type PlaceSecretSources, parseEntryKeys, placeSecretsOf } from './entry-keys.ts';

const lookMs = 2_000;

type Options = {
  readonly entryKeysFile: string;
  readonly placeSecrets: PlaceSecretSources;
  readonly signer: EntrySigner;
  readonly verifier: EntryVerifier;
  readonly tickets: PlaceTickets;
  readonly log: Logger;
};

/**
 * Takes over changed key files while the gateway runs: looks every two seconds (a mounted secret is swapped under its
 * name, which file events miss) and at once on SIGHUP. A file that cannot be read or is wrong changes nothing and is
 * logged once. Also takes keys out of the verifier when their time is over.
 */
export class KeyWatch {
  readonly #options: Options;
  readonly #timer: NodeJS.Timeout;
  readonly #onSignal = (): void => void this.look();
  #looking: Promise<void>;
  #entryText = '';
  #placeText = '';
  #published = '';
  #complained: string | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#publish();
    // They may have changed since they were read for the start.
    this.#looking = this.#look();
    this.#timer = setInterval(() => void this.look(), lookMs).unref();
    process.on('SIGHUP', this.#onSignal);
  }

  stop(): void {
    clearInterval(this.#timer);
    process.off('SIGHUP', this.#onSignal);
  }

  /** Never fails, one look after the other. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { entryKeysFile, placeSecrets, signer, tickets, log } = this.#options;
    await this.#takeOver('ENTRY_KEYS', async () => {
      const text = readFileSync(entryKeysFile, 'utf8');
      if (text === this.#entryText) return;
      this.#entryText = text;
      await signer.use(parseEntryKeys(text));
      log.info({ kids: signer.jwks.keys.map(({ kid }) => kid) }, 'entry keys in use');
    });
    await this.#takeOver('PLACE_SECRET_FILE', async () => {
      const text = this.#readPlaceText();
      if (text === this.#placeText) return;
      this.#placeText = text;
      const secrets = placeSecretsOf(placeSecrets);
      tickets.use(secrets);
      log.info({ secrets: secrets.length }, 'place secrets in use');
    });
    this.#publish();
  }

  async #takeOver(setting: string, change: () => Promise<void>): Promise<void> {
    try {
      await change();
      if (this.#complained?.startsWith(setting)) this.#complained = undefined;
    } catch (error) {
      const complaint = `${setting}: ${(error as Error).message}`;
      if (complaint === this.#complained) return;
      this.#complained = complaint;
      this.#options.log.error({ setting, err: error }, 'changed keys cannot be used, the old ones stay');
    }
  }

  #readPlaceText(): string {
    const { file } = this.#options.placeSecrets;
    return file === undefined ? '' : readFileSync(file, 'utf8');
  }

  /** The verifier forgets what it has checked when keys change: it is told of changes only. */
  #publish(): void {
    const { jwks } = this.#options.signer;
    const text = JSON.stringify(jwks);
    if (text === this.#published) return;
    this.#published = text;
    this.#options.verifier.useKeys(jwks);
  }
}
