import { GetObjectTaggingCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { keepingInput } from '../s3/wording.ts'
import { told } from './notebook.ts'
import type { Probing } from './probing.ts'
import { once, refusalOf } from './s3-session.ts'

/** What this destination asks for beyond bytes: accepted is not done, so each is asked back. */
export async function probeSettings(probing: Probing): Promise<void> {
  const { requests, book, key, signal } = probing
  const { settings } = requests
  const at = key('multipart')
  const head = () =>
    requests.send('head', at, signal, { policy: once }, abort =>
      requests.client.send(new HeadObjectCommand(requests.place(at)), abort),
    )
  const { storageClass, encryption, tags, bucketOwner } = settings
  if (storageClass !== undefined)
    await book.check('storage-class', async () => {
      // S3 does not tell the default class
      const stored = (await head()).StorageClass ?? 'STANDARD'
      return stored === storageClass
        ? ['yes', 'ok', `objects are kept as ${storageClass}`]
        : ['ignored', 'problem', `asked for ${storageClass}, kept as ${stored}`]
    })
  if (encryption !== undefined)
    await book.check('encryption', async () => {
      const wanted = keepingInput(settings, 'data')
      const found = await head()
      const asked = 'ServerSideEncryption' in wanted ? wanted.ServerSideEncryption : undefined
      return found.ServerSideEncryption === asked
        ? ['yes', 'ok', `objects are encrypted by the store (${asked})`]
        : [
            'ignored',
            'problem',
            `asked for ${encryption}, and the object says ${found.ServerSideEncryption ?? 'nothing'}`,
          ]
    })
  if (tags !== undefined && tags.length > 0)
    await book.check(
      'tags',
      async () => {
        const found = await requests.send('get-tags', at, signal, { policy: once }, abort =>
          requests.client.send(new GetObjectTaggingCommand(requests.place(at)), abort),
        )
        const kept = new Map((found.TagSet ?? []).map(({ Key, Value }) => [Key, Value]))
        return tags.every(({ name, value }) => kept.get(name) === value)
          ? ['yes', 'ok', 'objects have the tags asked for']
          : ['ignored', 'problem', 'tags were accepted, and are not there']
      },
      'warning',
    )
  if (bucketOwner !== undefined)
    await book.check('bucket-owner', async () => {
      const other = bucketOwner === '000000000000' ? '111111111111' : '000000000000'
      const refused = await refusalOf(
        () =>
          requests.send('head', at, signal, { policy: once }, abort =>
            requests.client.send(
              new HeadObjectCommand({ ...requests.place(at), ExpectedBucketOwner: other }),
              abort,
            ),
          ),
        signal,
      )
      return refused === undefined
        ? [
            'ignored',
            'warning',
            'a wrong bucket owner is not noticed: the setting protects from nothing here',
          ]
        : ['yes', 'ok', `a bucket of another owner is refused (${told(refused)})`]
    })
}
