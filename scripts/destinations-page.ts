import { type S3Profile, s3Profiles } from '../shared/object-store/profile.ts'

/** docs/reference/destinations.md: what each kind of store takes, from the profiles. */
export function destinationsPage(): string {
  return [
    '# Destinations',
    '',
    'Made from `shared/object-store/profile.ts` by `npm run gen`, which also names its sources. A destination is a URL, a profile (what kind of store',
    'it is) and settings (how objects are to be kept). What a profile cannot keep is refused when the configuration is loaded; what a bucket really',
    'supports, `holdfast-agent doctor --destination URL` finds out by trying.',
    '',
    ...table(
      [
        'profile',
        'store',
        'parts an object',
        'part size',
        'checksum (others)',
        '`If-None-Match`',
        'Object Lock',
      ],
      Object.entries(s3Profiles).map(([name, profile]) => [
        `\`${name}\``,
        profile.title,
        profile.maxParts.toLocaleString('en'),
        `${mib(profile.minPartSize)} to ${mib(profile.maxPartSize)}${profile.equalParts ? ', all equal' : ''}`,
        checksums(profile),
        profile.conditionalPut ? 'relied on' : 'not used; read before written',
        profile.objectLock ? 'yes' : 'no',
      ]),
    ),
    '| `directory` | A folder, `file:///path` | 10,000 | to 1 GiB, all equal | sha256, of each part | yes, by link | no |',
    '',
    'All parts of an object but the last are of one size, chosen from the prediction (8 to 64 MiB); a stream that is longer goes on in further',
    'objects, `….0001` and so on. Without an `endpoint` the default profile is `aws`, with one `generic`.',
    '',
    '## Settings',
    '',
    'In the coordinator’s configuration under `destinations.NAME`, and as options of the standalone commands:',
    '',
    ...table(
      ['key', 'option', 'meaning'],
      [
        [
          '`checksum`',
          '`--checksum`',
          '`sha256`, `crc32c`, `crc64nvme` or `none`: sent with every body, and compared after an upload where the store tells one',
        ],
        [
          '`storage_class`',
          '`--storage-class`',
          'class of data objects; manifests stay in the default class. Classes that cannot be read at once are refused',
        ],
        ['`encryption`', '`--encryption`', '`sse-s3` (keys of the store) or `sse-kms`'],
        ['`kms_key_id`', '`--kms-key-id`', 'with `sse-kms`; default the store’s own key'],
        [
          '`bucket_owner`',
          '`--bucket-owner`',
          'account the bucket must belong to: a bucket of that name in another account is refused by the store',
        ],
        ['`tags`', '`--tag name=value`', 'on every object, ten at most'],
        [
          '`object_lock`',
          '`--object-lock mode:days`',
          '`mode: governance` or `compliance`, and `days` from the commit on. Put on after the manifest was read back, so that failed attempts stay deletable. A locked backup whose lock could not be set is good, and has a warning',
        ],
      ],
    ),
    '',
    '## What each kind refuses, and what to know',
    '',
    ...Object.entries(s3Profiles).flatMap(([name, profile]) => [
      `**\`${name}\`**, ${profile.title}. ${[...notes(profile)].join(' ')}`,
      '',
    ]),
    '## Permissions',
    '',
    'S3’s names, on the bucket and on what lies below the prefix. An agent needs no right to delete: who takes over its host then deletes no backup.',
    '',
    ...table(
      ['who', 'needs'],
      [
        [
          'agent',
          '`ListBucket`, `ListBucketMultipartUploads`, `PutObject`, `GetObject`, `AbortMultipartUpload`, `ListMultipartUploadParts`',
        ],
        ['with `tags`', '`PutObjectTagging`'],
        ['with `object_lock`', '`PutObjectRetention`'],
        ['with `sse-kms`', '`kms:GenerateDataKey`, `kms:Decrypt` on the key'],
        ['keeper', 'the same, and `DeleteObject`'],
        [
          '`doctor`, if it is to know',
          '`GetBucketVersioning`, `GetBucketObjectLockConfiguration`, `GetLifecycleConfiguration`, `GetObjectTagging`',
        ],
      ],
    ),
    '',
    '## What is verified',
    '',
    'Every body is signed with its SHA-256, which stores that check signatures compare. The checksum goes with it as a header besides; a store may',
    'accept such a header and ignore it. After an upload the object’s size is compared with its parts, and its checksum where the store tells one over',
    'the object. `doctor` sends a wrong hash and a wrong checksum, and says "not verified by the server" where they are stored all the same. What',
    'counts in the end does not depend on any of it: the manifest has the SHA-256 of each part, and a restore checks it before it passes bytes on.',
    '',
  ].join('\n')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`)
}

function checksums(profile: S3Profile): string {
  const others = profile.checksums.filter(mode => mode !== profile.checksum)
  return others.length === 0 ? profile.checksum : `${profile.checksum} (${others.join(', ')})`
}

function notes(profile: S3Profile): string[] {
  return [
    ...(profile.storageClasses === undefined
      ? []
      : [`Storage classes: ${profile.storageClasses.join(', ')}.`]),
    ...Object.values(profile.refuses).map(why => `${why}.`),
    ...profile.notes,
  ]
}

function mib(bytes: number): string {
  const size = bytes / 2 ** 20
  return size >= 1_024 && size % 1_024 === 0 ? `${size / 1_024} GiB` : `${size} MiB`
}
