import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Check, checkDraw } from './verify-draw/checks.ts';
import { type ExportFile, readExport } from './verify-draw/export-file.ts';
import { readVerifyOptions, type VerifyOptions, verifyHelp } from './verify-draw/options.ts';

/** `npm run verify-draw -- <export>`: whether a draw was made as it was promised. */
try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}

async function main(): Promise<number> {
  const options = readVerifyOptions(process.argv.slice(2));
  if (options === undefined) {
    console.log(verifyHelp);
    return 0;
  }
  const { file, noted } = options;
  const input = file === '-' ? process.stdin : createReadStream(file);
  const read = await readExport(createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }));
  console.log(`Draw of room ${read.head.room}, run ${read.head.run}: ${read.rows.length} participants.`);
  const checks = checkDraw(read, noted);
  for (const check of checks) report(check);
  tellPlace(read, options);
  const isRight = checks.every(({ differences }) => differences.length === 0);
  if (isRight && (noted.commitment === undefined || noted.participantsHash === undefined)) {
    console.log(
      'All of this was compared with the file itself. What you noted at the time tells that it is the same draw:',
    );
    console.log('  --commitment (before the opening), --participants-hash (when the list was closed).');
  }
  console.log(isRight ? 'The draw is right.' : 'THE DRAW IS NOT RIGHT.');
  return isRight ? 0 : 1;
}

function report({ text, differences }: Check): void {
  console.log(`${differences.length === 0 ? 'ok    ' : 'WRONG '} ${text}`);
  for (const difference of differences) console.log(`         ${difference}`);
}

function tellPlace({ rows, head }: ExportFile, { visitor }: VerifyOptions): void {
  if (visitor === undefined) return;
  const row = rows.find((candidate) => candidate.visitor === visitor);
  if (row === undefined) console.log(`Visitor ${visitor} is not among the participants of run ${head.run}.`);
  else console.log(`Visitor ${visitor} drew place ${row.place} of lane ${row.lane} (score ${row.score}).`);
}
