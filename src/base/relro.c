/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What glibc's start-up does for a static PIE and musl's does not: the tables that had to be
 * relocated (PT_GNU_RELRO: pointers to functions, to options) become read-only before main. For the
 * programs that are linked against musl.
 */
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Where the program lies in memory: the linker's name for its ELF header. */
extern const ElfW(Ehdr) own_header __asm__("__ehdr_start") __attribute__((visibility("hidden")));

__attribute__((constructor)) static void relro_protect(void)
{
    uintptr_t base = (uintptr_t)&own_header;
    uintptr_t page_mask = ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
    const ElfW(Phdr) *segments = (const void *)(base + own_header.e_phoff);

    for (size_t i = 0; i < own_header.e_phnum; i++) {
        if (segments[i].p_type != PT_GNU_RELRO)
            continue;
        uintptr_t begin = (base + segments[i].p_vaddr) & page_mask;
        uintptr_t end = (base + segments[i].p_vaddr + segments[i].p_memsz) & page_mask;
        if (mprotect((void *)begin, end - begin, PROT_READ) < 0)
            _exit(127); /* as if it could not be loaded */
    }
}
