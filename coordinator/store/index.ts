export { openStore, type StoreOptions } from './open-store.ts'
export type { Aggregates, Leadership, Page, PageRequest, ReadModel, Store, WriteTx } from './port.ts'
export type { StoreMetrics } from './writer.ts'
