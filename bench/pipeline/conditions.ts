import { basename } from 'node:path'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import { s3Client } from '../../test/harness/s3-client.ts'
import { bucket, type StoreName } from './names.ts'
import type { World } from './world.ts'

/** The little of a manifest that is looked at. */
interface Told {
  readonly streams: readonly {
    readonly codecs: readonly string[]
    readonly stages: readonly { readonly command: readonly string[] }[]
  }[]
  readonly encryption: { readonly kind: string }
  readonly census?: unknown
}

/** Level, streams, encryption, census and TLS of a backup of ours, as its own manifest tells. */
export async function manifestConditions(
  world: World,
  store: StoreName,
  manifestUrl: string,
): Promise<string> {
  const client = s3Client(world.endpoint(store))
  try {
    const found = await client.send(
      new GetObjectCommand({ Bucket: bucket, Key: manifestUrl.replace(`s3://${bucket}/`, '') }),
    )
    return describe(JSON.parse((await found.Body?.transformToString()) ?? '') as Told)
  } finally {
    client.destroy()
  }
}

function describe({ streams, encryption, census }: Told): string {
  const commands = streams.flatMap(stream => stream.stages.map(stage => stage.command))
  const compressor = commands.find(([program = '']) => /^(zstd|gzip|xz|bzip2)$/.test(basename(program)))
  const level = compressor?.filter(word => /^-(\d+|T\d+)$/.test(word)).join(' ') ?? ''
  const codecs = streams[0]?.codecs.join('+') ?? ''
  return [
    `${codecs}${level === '' ? '' : ` ${level}`}`,
    `${streams.length} stream${streams.length === 1 ? '' : 's'}`,
    encryption.kind === 'none' ? 'no encryption' : `encrypted (${encryption.kind})`,
    census === undefined ? 'no census' : 'census',
    'no TLS',
  ].join(', ')
}
