/** What k6 gives every script and @types/k6 leaves out. */
declare const console: { readonly log: (line: string) => void; readonly warn: (line: string) => void };
declare function setTimeout(callback: () => void, delayMs: number): number;
declare function clearTimeout(timer: number): void;
