import { join } from 'node:path'
import { bucket } from './names.ts'
import type { Subject } from './subject.ts'
import type { World } from './world.ts'

const conditions = 'random bytes from a file through a pipe, no database, no codec, no encryption, no TLS'

/** Who takes a stream of unknown length to the store how fast, without a database: ours, and what there is besides. */
export const uploaders: readonly Subject[] = [
  uploader('upload-ours', undefined, {
    text: '"$2" --disable-warning=ExperimentalWarning "$3" "$1" "$4"',
    words: [process.execPath, join(import.meta.dirname, 'upload.ts')],
    witness: true,
  }),
  uploader('upload-aws', 'awscli', { text: 'cat "$2" | aws s3 cp --only-show-errors - "$1"' }),
  uploader('upload-rclone', 'rclone', {
    text: 'cat "$2" | rclone rcat --s3-provider Other --s3-env-auth --s3-endpoint "$AWS_ENDPOINT_URL_S3" ":s3:$(cut -c6- <<< "$1")"',
  }),
]

function uploader(
  name: string,
  tool: string | undefined,
  script: { readonly text: string; readonly words?: readonly string[]; readonly witness?: boolean },
): Subject {
  return {
    name,
    needsS3: false,
    databases: [],
    impossible: world => (tool === undefined ? undefined : world.tools.missing.get(tool)),
    run: async (world: World) => {
      const source = await world.random()
      const place = `s3://${bucket}/${world.fresh(name)}`
      const cost = await world.measure({
        text: script.text,
        words: [place, ...(script.words ?? []), source.path],
        env: world.environment('sink'),
        witness: script.witness === true,
      })
      return { cost, rawBytes: source.bytes, storedBytes: source.bytes, conditions }
    },
  }
}
