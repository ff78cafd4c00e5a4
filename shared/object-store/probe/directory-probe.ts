import { randomBytes } from 'node:crypto'
import { statfs } from 'node:fs/promises'
import { AppError } from '../../errors/index.ts'
import { type ObjectKey, type ObjectStore, objectKey } from '../port.ts'
import type { DestinationProbe } from './finding.ts'
import { Notebook } from './notebook.ts'
import type { ProbeOptions } from './s3-probe.ts'
import { sha256 } from './s3-session.ts'

/** Tries a directory: what is written is synced, read back, kept from being written over, and removed. */
export async function probeDirectory(
  store: ObjectStore,
  path: string,
  options: ProbeOptions,
): Promise<Pick<DestinationProbe, 'findings' | 'left'>> {
  const { signal } = options
  const book = new Notebook(signal)
  const keys = new Set<ObjectKey>()
  const key = (name: string) => {
    const made = objectKey(`v1/doctor/${options.id}/${name}`)
    keys.add(made)
    return made
  }
  const lists = await book.check('list', async () => {
    await store.check(signal)
    return ['yes', 'ok', 'the folder is there, and may be listed']
  })
  if (lists !== 'yes') return { findings: book.findings, left: [] }
  await book.check('put', async () => {
    await store.put(key('plain'), Buffer.from('first'), { signal })
    return ['yes', 'ok', 'a file is written and synced']
  })
  await book.check('conditional-put', async () => {
    try {
      await store.put(key('plain'), Buffer.from('second'), { ifAbsent: true, signal })
    } catch (thrown) {
      if (AppError.from(thrown).code === 'object-store.exists')
        return ['yes', 'ok', 'a file that is there is not written over']
      throw thrown
    }
    return ['ignored', 'problem', 'a file that was there was written over']
  })
  await book.check('multipart', async () => {
    const upload = await store.createUpload(key('multipart'), signal)
    const bytes = randomBytes(100_000)
    const parts = [await store.uploadPart(upload, 1, bytes, sha256(bytes), signal)]
    await store.completeUpload(upload, parts, signal)
    return ['yes', 'ok', 'parts become a file at once, when all are there']
  })
  await book.check('space', async () => {
    const { bavail, bsize, blocks } = await statfs(path)
    const [free, share] = [bavail * bsize, bavail / Math.max(1, blocks)]
    const detail = `${Math.floor(free / 2 ** 20)} MiB are free`
    return share < 0.05 ? ['no', 'warning', `${detail}, less than a twentieth`] : ['yes', 'ok', detail]
  })
  let left: readonly string[] = []
  await book.check('delete', async () => {
    left = [...keys]
    await store.delete([...keys], AbortSignal.timeout(30_000))
    left = []
    return ['yes', 'note', 'this user may delete files; who takes over the host can, too']
  })
  return { findings: book.findings, left }
}
