import { request } from 'undici';

const atOnce = 16;
const tries = 20;

/**
 * Logs `testuser1..n` in at the ticket service and returns their access tokens, in order. Through the public door:
 * it takes as long as the passwords take to check (8 ms each on one idle core), and nothing has to be known of
 * the service's secrets.
 */
export async function logInAll(
  ticket: string,
  members: number,
  say: (line: string) => void,
): Promise<readonly string[]> {
  const tokens: string[] = [];
  const started = performance.now();
  const seconds = (): string => `${((performance.now() - started) / 1_000).toFixed(0)} s`;
  let next = 1;
  let done = 0;
  const timer = setInterval(() => say(`  ... ${done} of ${members} members logged in, ${seconds()}`), 5_000);
  const work = async (): Promise<void> => {
    while (next <= members) {
      const member = next;
      next += 1;
      tokens[member - 1] = await logIn(ticket, `testuser${member}`);
      done += 1;
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    clearInterval(timer);
  }
  say(`  ${members} members are logged in (${seconds()}).`);
  return tokens;
}

async function logIn(ticket: string, id: string): Promise<string> {
  for (let left = tries; ; left -= 1) {
    const { statusCode, headers, body } = await request(`${ticket}/api/sessions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id, password: 'qwer1234' }),
    });
    const answer = (await body.json()) as { accessToken?: string; code?: string };
    if (answer.accessToken !== undefined) return answer.accessToken;
    if (statusCode !== 503 || left === 0) throw new Error(`log-in of ${id}: ${statusCode} ${answer.code}`);
    const seconds = Number(headers['retry-after']) || 1;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  }
}
