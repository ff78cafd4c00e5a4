import { hostname } from 'node:os'
import type { ShipConfig } from '../../audit-config.ts'
import { fileSink } from './file-sink.ts'
import type { AuditSink } from './sink.ts'
import { syslogSink } from './syslog-sink.ts'

export type { AuditSink } from './sink.ts'

/** What events are shipped to by configuration. */
export function sinksOf({ file, syslog }: ShipConfig): readonly AuditSink[] {
  const sinks: AuditSink[] = []
  if (file !== undefined) sinks.push(fileSink(file.path))
  if (syslog !== undefined) {
    const { url, facility, ca_file, certificate_file, key_file } = syslog
    sinks.push(
      syslogSink({
        url,
        origin: { facility, hostname: hostname(), pid: process.pid },
        ...(ca_file === undefined ? {} : { caFile: ca_file }),
        ...(certificate_file === undefined ? {} : { certificateFile: certificate_file }),
        ...(key_file === undefined ? {} : { keyFile: key_file }),
      }),
    )
  }
  return sinks
}
