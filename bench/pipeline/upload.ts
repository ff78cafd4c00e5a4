/**
 * Our pipeline and uploader without a database, as a process of its own: `upload.ts s3://bucket/prefix FILE`. The file comes through a
 * pipe by `cat`, as a dump would, goes through the meter, and is stored uncompressed with the agent's usual part budget.
 */
import { backupStream, PartBudget } from '../../agent/pipeline/index.ts'
import { createToolFinder } from '../../agent/process/index.ts'
import { objectKey, openObjectStore } from '../../shared/object-store/index.ts'

async function main([url = '', file = '']: readonly string[]): Promise<void> {
  const store = openObjectStore({ url, profile: 'ceph' })
  const tools = createToolFinder()
  const signal = new AbortController().signal
  try {
    const { objects } = await backupStream({
      name: 'synthetic',
      producer: { name: 'cat', program: (await tools.find(['cat'])).path, args: [file] },
      codec: 'none',
      predictedBytes: 0,
      keyOf: index => objectKey(`v1/data/synthetic-${index}`),
      store,
      tools,
      budget: new PartBudget(256 << 20),
      signal,
    })
    for (const object of objects) await store.completeUpload(object, object.parts, signal)
  } finally {
    await store.close()
  }
}

await main(process.argv.slice(2))
