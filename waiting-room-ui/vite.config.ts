import { defineConfig } from 'vite';

/**
 * Two builds, because two processes serve them under different addresses: the queue page's script and style by the
 * gateway (which writes the HTML itself), the storefront whole by the ticket service.
 */
const builds: Record<string, { readonly base: string; readonly input: string }> = {
  queue: { base: '/_ropeline/assets/', input: 'queue/main.ts' },
  storefront: { base: '/', input: 'storefront/index.html' },
};

export default defineConfig(({ mode }) => {
  const build = builds[mode];
  if (build === undefined) throw new Error(`vite build --mode ${Object.keys(builds).join('|')}`);
  return {
    base: build.base,
    root: import.meta.dirname,
    logLevel: 'warn',
    build: {
      outDir: `dist/${mode}`,
      assetsDir: mode === 'storefront' ? 'storefront' : '',
      manifest: true,
      target: 'es2022',
      modulePreload: { polyfill: false },
      // Inlined files would need data: in the content security policy.
      assetsInlineLimit: 0,
      rolldownOptions: { input: build.input },
    },
  };
});
