import { defineScript } from '../redis/script.ts';

/** Bindings of the stock's scripts; what the arguments and replies mean stands in each file's header. */

export type Reply = readonly (string | number)[];
const flat = (raw: unknown): Reply => raw as Reply;

const orderKeys = ['offer', 'units', 'members', 'entryUnits', 'order'] as const;

export const beginBuild = defineScript(
  { file: 'begin_build', keys: ['epoch', 'builder'], args: ['builderId', 'lost'] },
  flat,
);

export const buildStock = defineScript(
  { file: 'build_stock', keys: ['epoch', 'builder'], repeatedKeys: ['key'], args: ['builderId'] },
  flat,
);

export const prepareOffer = defineScript(
  { file: 'prepare_offer', keys: ['epoch', 'offer'], args: ['epochId', 'capacity'] },
  flat,
);

export const changeCapacity = defineScript(
  {
    file: 'change_capacity',
    keys: ['epoch', 'offer'],
    args: ['epochId', 'offerId', 'by', 'channel'],
  },
  flat,
);

export const sendUnits = defineScript(
  {
    file: 'send_units',
    keys: ['epoch', 'offer', 'transfers'],
    args: ['epochId', 'transfer', 'offerId', 'most', 'to'],
  },
  flat,
);

export const receiveUnits = defineScript(
  {
    file: 'receive_units',
    keys: ['epoch', 'offer', 'received'],
    args: ['epochId', 'transfer', 'units', 'keepMs'],
  },
  flat,
);

export const settleTransfer = defineScript(
  { file: 'settle_transfer', keys: ['epoch', 'offer', 'transfers'], args: ['epochId', 'transfer'] },
  flat,
);

export const reserveUnits = defineScript(
  {
    file: 'reserve_units',
    keys: ['epoch', 'holds', 'outbox'],
    repeatedKeys: ['offer', 'units', 'members', 'entryUnits', 'idempotency', 'memberOrders', 'order'],
    args: ['epochId', 'outboxLimit', 'keepMs'],
  },
  flat,
);

export const beginPayment = defineScript(
  { file: 'begin_payment', keys: ['epoch', 'holds', 'outbox', 'order'], args: ['epochId'] },
  flat,
);

export const releasePayment = defineScript(
  {
    file: 'release_payment',
    keys: ['epoch', 'holds', 'outbox', 'order'],
    args: ['epochId', 'attempt', 'graceMs'],
  },
  flat,
);

export const completeOrder = defineScript(
  { file: 'complete_order', keys: ['epoch', 'outbox', 'offer', 'order'], args: ['epochId', 'attempt'] },
  flat,
);

export const cancelOrder = defineScript(
  {
    file: 'cancel_order',
    keys: ['epoch', 'holds', 'outbox', ...orderKeys],
    args: ['epochId', 'attempt', 'channel'],
  },
  flat,
);

export const expireOrders = defineScript(
  {
    file: 'expire_orders',
    keys: ['epoch', 'holds', 'outbox'],
    repeatedKeys: orderKeys,
    args: ['epochId', 'channel'],
  },
  flat,
);

export const forgetOrders = defineScript(
  { file: 'forget_orders', keys: ['epoch'], repeatedKeys: ['order'], args: ['epochId', 'lingerMs'] },
  flat,
);

export const restoreOrder = defineScript(
  {
    file: 'restore_order',
    keys: ['epoch', 'holds', 'order'],
    args: ['epochId', 'keepMs', 'readAt', 'freshMs'],
  },
  flat,
);

export const tellOrder = defineScript(
  { file: 'tell_order', keys: ['epoch', 'outbox', 'order'], args: ['epochId', 'version'] },
  flat,
);

export const bindEntry = defineScript(
  { file: 'bind_entry', keys: ['epoch', 'binding'], args: ['epochId', 'holder', 'keepMs'] },
  flat,
);

export const readStock = defineScript(
  { file: 'read_stock', keys: ['epoch'], repeatedKeys: ['offer', 'members'], args: ['epochId'] },
  flat,
);

export const cutOutboxRange = defineScript(
  {
    file: 'cut_outbox_range',
    keys: ['epoch', 'outbox', 'cursor'],
    args: ['epochId', 'handedOn', 'most'],
  },
  flat,
);

export const trimOutbox = defineScript(
  { file: 'trim_outbox', keys: ['epoch', 'outbox', 'cursor'], args: ['epochId', 'range', 'lastId'] },
  flat,
);

export const reserveProduct = defineScript(
  { file: 'reserve_product', keys: ['epoch', 'product'], args: ['epochId', 'quantity'] },
  flat,
);

export const confirmProduct = defineScript(
  { file: 'confirm_product', keys: ['epoch', 'product'], args: ['epochId', 'quantity'] },
  flat,
);

export const cancelProduct = defineScript(
  { file: 'cancel_product', keys: ['epoch', 'product'], args: ['epochId', 'quantity'] },
  flat,
);
