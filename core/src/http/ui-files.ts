import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

export type UiFile = {
  readonly body: Buffer;
  readonly contentType: string;
};

/** One front end as `vite build` left it, in memory: it is small, and a crowd asks for it at once. */
export type BuiltUi = {
  /** By path inside the folder, as `assets/queue-4f3a.js`. */
  readonly files: ReadonlyMap<string, UiFile>;
  /** Hashed path of each source file that was an entry, and of its style sheet. */
  readonly entries: ReadonlyMap<string, { readonly script: string; readonly style?: string }>;
};

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** Hashed names never change their content. */
export const immutableCaching = 'public, max-age=31536000, immutable';

/** Loads what was built into `folder`, or undefined when nothing was. Files of other types are left out. */
export function loadBuiltUi(folder: string): BuiltUi | undefined {
  let manifest: string;
  try {
    manifest = readFileSync(join(folder, '.vite/manifest.json'), 'utf8');
  } catch {
    return undefined;
  }
  const files = new Map<string, UiFile>();
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const contentType = contentTypes[extname(path)];
    if (contentType === undefined) continue;
    files.set(path.replaceAll('\\', '/'), { body: readFileSync(join(folder, path)), contentType });
  }
  return { files, entries: entriesOf(manifest) };
}

type Chunk = { readonly file: string; readonly isEntry?: boolean; readonly css?: readonly string[] };

function entriesOf(manifest: string): BuiltUi['entries'] {
  const chunks = JSON.parse(manifest) as Record<string, Chunk>;
  return new Map(
    Object.entries(chunks)
      .filter(([, chunk]) => chunk.isEntry === true)
      .map(([source, { file, css }]) => {
        const [style] = css ?? [];
        return [source, { script: file, ...(style === undefined ? {} : { style }) }];
      }),
  );
}
