import { settings as gateway } from '../../gateway/src/config.ts';
import { settings as payment } from '../../payment-simulator/src/settings.ts';
import { migrateSettings, settings as ticket } from '../../ticket-service/src/config.ts';
import { settings as workers } from '../../workers/src/settings.ts';
import { settings as start } from '../start/settings.ts';
import type { ProcessSettings } from './configuration.ts';

/** Every process with its settings, in the order of the page. */
export const processes: readonly ProcessSettings[] = [
  {
    title: '`npm start`',
    about: 'What the start itself reads; everything else is passed on.',
    settings: start,
  },
  {
    title: 'Gateway',
    about: '`gateway/src/main.ts`: the waiting room and its control plane.',
    settings: gateway,
  },
  {
    title: 'Ticket service',
    about: '`ticket-service/src/main.ts`: members, offers, orders.',
    settings: ticket,
  },
  { title: 'Workers', about: '`workers/src/main.ts`: what is accepted becomes rows.', settings: workers },
  {
    title: 'Payment simulator',
    about: '`payment-simulator/src/main.ts`: a payment provider to test against.',
    settings: payment,
  },
  {
    title: 'Migration and seed',
    about:
      '`ticket-service/src/migrate.ts` and `ticket-service/src/seed.ts`: run to their end before the services.',
    settings: migrateSettings,
  },
];
