import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * An append-only file of JSON lines. `append` resolves when the line is on the disk (fdatasync); lines that come
 * while one write runs go together with the next. A last line that a crash cut short is dropped when opening: its
 * `append` never resolved.
 */
export class LedgerFile {
  readonly #file: FileHandle;
  #waiting: {
    readonly line: string;
    readonly done: () => void;
    readonly failed: (error: unknown) => void;
  }[] = [];
  #writing: Promise<void> | undefined;
  #broken: unknown;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Opens or creates the file and returns what it holds. Throws when a line within it is damaged. */
  static async open(
    path: string,
  ): Promise<{ readonly file: LedgerFile; readonly lines: readonly unknown[] }> {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, 'a+');
    const text = await handle.readFile('utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.length < text.length) await handle.truncate(Buffer.byteLength(whole));
    const lines = whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line, at) => parse(line, path, at + 1));
    return { file: new LedgerFile(handle), lines };
  }

  /** Rejects when the disk refuses; whether the line is there is then unknown, and nothing is appended any more. */
  append(entry: unknown): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ line: `${JSON.stringify(entry)}\n`, done, failed });
      this.#writing ??= this.#write();
    });
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        if (this.#broken !== undefined) throw this.#broken;
        await this.#file.write(batch.map(({ line }) => line).join(''));
        await this.#file.datasync();
        for (const { done } of batch) done();
      } catch (error) {
        this.#broken = error;
        for (const { failed } of batch) failed(error);
      }
    }
    this.#writing = undefined;
  }
}

function parse(line: string, path: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new Error(`${path} is damaged in line ${number}`, { cause });
  }
}
