#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

/// A switch that zstd.h names by a macro, which Swift does not see: output goes straight into the caller's buffer.
static const ZSTD_dParameter stable_output_buffer = ZSTD_d_stableOutBuffer;
