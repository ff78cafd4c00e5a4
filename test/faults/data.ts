import type { PostgresServer } from '../harness/index.ts'

/**
 * A database whose dump has that many million bytes of hexadecimal noise, of which zstd keeps half: 40 and more
 * fill both part buffers of an upload, so that a held part holds up the dump itself.
 */
export async function makeDatabase(postgres: PostgresServer, name: string, millions: number): Promise<void> {
  await postgres.createDatabase(name)
  await postgres.psql(
    `create table noise(id int primary key, body text not null);
     alter table noise alter body set storage external;
     insert into noise select g, (select string_agg(md5(random()::text || h), '') from generate_series(1, 31250) h where g > 0)
       from generate_series(1, ${millions}) g`,
    name,
  )
}

/** Millions that make a dump outgrow every buffer between it and the store. */
export const outgrows = 44
