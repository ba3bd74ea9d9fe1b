import { join } from 'node:path';
import { immutableCaching, loadBuiltUi, type UiFile } from '@ropeline/core/http/ui-files.ts';
import type { PageAssets } from './page-model.ts';

const prefix = '/_ropeline/assets/';
const folder = join(import.meta.dirname, '../../../../waiting-room-ui/dist/queue');

/** The queue page's script and style, read once at start. */
export type QueueAssets = {
  /** For `renderPage`; empty when the page was not built, which then works without script and style. */
  readonly page: PageAssets;
  /** What to log at start; undefined when all is there. */
  readonly missing: string | undefined;
  /** The file behind a request path under `/_ropeline/assets/`, with the headers to answer by. */
  find(
    path: string,
  ): { readonly body: Buffer; readonly headers: Readonly<Record<string, string>> } | undefined;
};

export function loadQueueAssets(from = folder): QueueAssets {
  const built = loadBuiltUi(from);
  const entry = built?.entries.get('queue/main.ts');
  if (built === undefined || entry === undefined) {
    return {
      page: {},
      missing: `the queue page has no script and no style: run "npm run build -w waiting-room-ui" (looked in ${from})`,
      find: () => undefined,
    };
  }
  const answers = new Map([...built.files].map(([path, file]) => [prefix + path, answer(file)]));
  return {
    page: {
      script: prefix + entry.script,
      ...(entry.style === undefined ? {} : { style: prefix + entry.style }),
    },
    missing: undefined,
    find: (path) => answers.get(path),
  };
}

function answer({ body, contentType }: UiFile) {
  return {
    body,
    headers: {
      'content-type': contentType,
      'cache-control': immutableCaching,
      'x-content-type-options': 'nosniff',
    },
  };
}
