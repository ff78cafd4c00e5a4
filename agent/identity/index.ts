export { DurableFolder } from './durable-folder.ts'
export { type Identity, loadIdentity } from './identity.ts'
export { lockStateFolder, type StateLock } from './state-lock.ts'
