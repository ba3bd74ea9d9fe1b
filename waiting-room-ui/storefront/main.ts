import { Shop } from './shop.ts';

await new Shop().start();
