import { describe, expect, test } from 'vitest';
import { isLoopback, loadConfig } from '../../src/config.ts';

const least = {
  DATABASE_URL: 'postgres://localhost/ropeline',
  TICKET_REDIS_URL: 'redis://localhost',
  MEMBER_SECRET: 'x'.repeat(32),
};

describe('the configuration', () => {
  test('names everything that is missing or wrong at once, and no secret', () => {
    expect(() => loadConfig({ MEMBER_SECRET: 'tooshort', HOLD_SECONDS: '-1' })).toThrow(
      /DATABASE_URL[\s\S]*TICKET_REDIS_URL[\s\S]*MEMBER_SECRET[\s\S]*HOLD_SECONDS/,
    );
    expect(() => loadConfig({ ...least, MEMBER_SECRET: 'tooshort' })).not.toThrow(/tooshort/);
  });

  test('opens source routes off loopback with a token only', () => {
    const open = { ...least, SOURCE_ROUTES: 'true', BIND_ADDRESS: '0.0.0.0' };
    expect(() => loadConfig(open)).toThrow('SOURCE_ROUTES_TOKEN');
    expect(loadConfig({ ...open, SOURCE_ROUTES_TOKEN: 'a token of some length' }).sourceRoutes).toBe(true);
    expect(loadConfig({ ...open, BIND_ADDRESS: '127.0.0.1' }).sourceRoutes).toBe(true);
  });

  test('finds its neighbours by their ports', () => {
    const config = loadConfig({ ...least, PAYMENT_PORT: '1', CONTROL_PORT: '2', GATEWAY_PORT: '3' });
    expect(config).toMatchObject({
      paymentUrl: 'http://127.0.0.1:1',
      controlUrl: 'http://127.0.0.1:2',
      entryJwksUrl: 'http://127.0.0.1:3/_ropeline/jwks.json',
    });
    expect(loadConfig({ ...least, PAYMENT_PORT: '1', PAYMENT_URL: 'http://pay' }).paymentUrl).toBe(
      'http://pay',
    );
  });
});

test('loopback is what only this machine can be', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'localhost']) {
    expect(isLoopback(address)).toBe(true);
  }
  for (const address of ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'localhost.example.org']) {
    expect(isLoopback(address)).toBe(false);
  }
});
