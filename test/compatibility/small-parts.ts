import { openDirectoryStore } from '../../shared/object-store/directory.ts'
import type { ObjectStore } from '../../shared/object-store/port.ts'

/** A directory store whose parts hold 512 bytes, two to an object: several of each without megabytes. */
export function smallParts(folder: string): ObjectStore {
  const store = openDirectoryStore(folder, { maxParts: 2 })
  Object.defineProperty(store, 'capabilities', { value: { ...store.capabilities, maxPartSize: 512 } })
  return store
}
