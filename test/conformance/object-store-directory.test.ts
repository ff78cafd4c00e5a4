import { afterAll } from 'vitest'
import { openObjectStore } from '../../shared/object-store/index.ts'
import { type TemporaryFolder, temporaryFolder } from '../harness/index.ts'
import { objectStoreConformance } from './object-store.ts'

let folder: TemporaryFolder | undefined
afterAll(() => folder?.remove())

objectStoreConformance('a directory', async () => {
  folder ??= await temporaryFolder('store')
  return {
    store: openObjectStore({ url: `file://${folder.path}`, profile: 'directory' }),
    partSize: 1_000,
  }
})
