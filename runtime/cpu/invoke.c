/*===- invoke.c - Checks the arguments of an entry, then runs it ----------===*/

#include "../internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define fail seqc_rt_fail

int32_t seqc_rt_fail(seqc_error *error, int32_t code, const char *format, ...) {
  if (error) {
    va_list list;
    va_start(list, format);
    error->code = code;
    vsnprintf(error->message, sizeof error->message, format, list);
    va_end(list);
  }
  return code;
}

void seqc_rt_succeed(seqc_error *error) {
  if (error) {
    error->code = SEQC_OK;
    error->message[0] = '\0';
  }
}

static const char *code_name(uint8_t code) {
  switch (code) {
  case kDLInt:
    return "int";
  case kDLUInt:
    return "uint";
  case kDLFloat:
    return "float";
  case kDLBfloat:
    return "bfloat";
  default:
    return "type";
  }
}

/* Values of the symbols so far, and which argument set each. */
struct binding {
  int64_t value;
  const char *from;
};

/* Does the type match?  One-bit integers travel as bytes. */
static int same_type(const seqc_arg *want, const DLDataType *type) {
  int integer = type->code == kDLInt || type->code == kDLUInt;
  if (type->lanes != 1)
    return 0;
  if (want->dl_code == kDLInt)
    return integer && type->bits == (want->bits == 1 ? 8 : want->bits);
  return type->code == want->dl_code && type->bits == want->bits;
}

static int32_t check_tensor(const seqc_entry *entry, const seqc_arg *want,
                            const DLTensor *tensor, int32_t device_type,
                            seqc_error *error) {
  if (!tensor)
    return fail(error, SEQC_ERROR_NULL_ARGUMENT, "%s: argument '%s' is null",
                entry->name, want->name);
  if ((int32_t)tensor->device.device_type != device_type)
    return fail(error, SEQC_ERROR_DEVICE,
                "%s: argument '%s' is on device type %d, expected %s (%d)",
                entry->name, want->name, (int)tensor->device.device_type,
                device_type == kDLCPU ? "the CPU" : "a CUDA device",
                (int)device_type);
  if (!same_type(want, &tensor->dtype))
    return fail(error, SEQC_ERROR_DTYPE,
                "%s: argument '%s' has elements %s%d x %d, expected %s%d",
                entry->name, want->name, code_name(tensor->dtype.code),
                tensor->dtype.bits, tensor->dtype.lanes,
                code_name(want->dl_code), want->bits);
  if (tensor->ndim != want->rank)
    return fail(error, SEQC_ERROR_RANK,
                "%s: argument '%s' has rank %d, expected %d", entry->name,
                want->name, (int)tensor->ndim, (int)want->rank);
  int64_t bytes = want->bits == 1 ? 1 : want->bits / 8;
  int empty = 0;
  for (int d = 0; d < want->rank; ++d) {
    if (tensor->shape[d] < 0)
      return fail(error, SEQC_ERROR_SHAPE,
                  "%s: argument '%s': dimension %d is %lld, expected a size of "
                  "at least 0",
                  entry->name, want->name, d, (long long)tensor->shape[d]);
    empty |= tensor->shape[d] == 0;
  }
  for (int d = 0; d < want->rank && !empty; ++d)
    if (__builtin_mul_overflow(bytes, tensor->shape[d], &bytes))
      return fail(error, SEQC_ERROR_MEMORY,
                  "%s: argument '%s' has more bytes than 64 bits can count",
                  entry->name, want->name);
  if (!empty && !tensor->data)
    return fail(error, SEQC_ERROR_NULL_ARGUMENT,
                "%s: argument '%s' has no data", entry->name, want->name);
  if (tensor->strides && !empty) {
    int64_t expected = 1;
    for (int d = want->rank - 1; d >= 0; --d) {
      if (tensor->shape[d] != 1 && tensor->strides[d] != expected)
        return fail(error, SEQC_ERROR_STRIDES,
                    "%s: argument '%s': dimension %d has stride %lld, expected "
                    "%lld (row-major, no gaps)",
                    entry->name, want->name, d, (long long)tensor->strides[d],
                    (long long)expected);
      expected *= tensor->shape[d];
    }
  }
  return SEQC_OK;
}

/* Sizes: first the dimensions that are a symbol by themselves, which bind it. */
static int32_t check_shapes(const seqc_entry *entry, const DLTensor *const *args,
                            struct binding *symbols, seqc_error *error) {
  for (int pass = 0; pass < 2; ++pass)
    for (int i = 0; i < entry->arg_count; ++i) {
      const seqc_arg *want = &entry->args[i];
      for (int d = 0; d < want->rank; ++d) {
        const seqc_dim *dim = &want->dims[d];
        int64_t found = args[i]->shape[d];
        if (dim->symbol < 0) {
          if (pass && found != dim->size)
            return fail(error, SEQC_ERROR_SHAPE,
                        "%s: argument '%s': dimension %d is %lld, expected %lld",
                        entry->name, want->name, d, (long long)found,
                        (long long)dim->size);
          continue;
        }
        struct binding *symbol = &symbols[dim->symbol];
        if (!pass) {
          if (!symbol->from && !want->is_output &&
              (found - dim->offset) >= 0 && dim->divisor == 1) {
            symbol->value = found - dim->offset;
            symbol->from = want->name;
          }
          continue;
        }
        const char *name = entry->symbol_names[dim->symbol];
        if (!symbol->from)
          return fail(error, SEQC_ERROR_SHAPE,
                      "%s: argument '%s': dimension %d is %lld, which gives %s "
                      "no size",
                      entry->name, want->name, d, (long long)found, name);
        if (symbol->value % dim->divisor)
          return fail(error, SEQC_ERROR_SHAPE,
                      "%s: argument '%s': dimension %d needs %s to be a multiple "
                      "of %d, it is %lld (from '%s')",
                      entry->name, want->name, d, name, dim->divisor,
                      (long long)symbol->value, symbol->from);
        int64_t expected = symbol->value / dim->divisor + dim->offset;
        if (found == expected)
          continue;
        char formula[64] = "";
        if (dim->divisor != 1)
          snprintf(formula, sizeof formula, "/%d", dim->divisor);
        if (dim->offset)
          snprintf(formula + strlen(formula), sizeof formula - strlen(formula),
                   "+%lld", (long long)dim->offset);
        return fail(error, SEQC_ERROR_SHAPE,
                    "%s: argument '%s': dimension %d is %lld, expected %s%s = "
                    "%lld (from '%s')",
                    entry->name, want->name, d, (long long)found, name, formula,
                    (long long)expected, symbol->from);
      }
    }
  return SEQC_OK;
}

static const char *data_of(const DLTensor *tensor) {
  return (const char *)tensor->data + tensor->byte_offset;
}

static int64_t offset_at(const seqc_arg *want, const DLTensor *tensor,
                         int64_t i) {
  if (want->bits == 64) {
    int64_t value;
    memcpy(&value, data_of(tensor) + 8 * i, 8);
    return value;
  }
  int32_t value;
  memcpy(&value, data_of(tensor) + 4 * i, 4);
  return value;
}

/* Offsets rise from 0 to the length of the axis they cut. */
static int32_t check_segments(const seqc_entry *entry, const seqc_arg *want,
                              const DLTensor *table,
                              const struct binding *symbols,
                              seqc_error *error) {
  const seqc_dim *cuts = want->cuts;
  int64_t length = cuts->symbol < 0 ? cuts->size : symbols[cuts->symbol].value;
  const char *axis = cuts->symbol < 0 ? "t" : entry->symbol_names[cuts->symbol];
  int64_t last = 0;
  for (int64_t i = 0; i < table->shape[0]; ++i) {
    int64_t value = offset_at(want, table, i);
    if (i == 0 && value != 0)
      return fail(error, SEQC_ERROR_SEGMENTS,
                  "%s: argument '%s': entry 0 is %lld, expected 0", entry->name,
                  want->name, (long long)value);
    if (value < last)
      return fail(error, SEQC_ERROR_SEGMENTS,
                  "%s: argument '%s': entry %lld is %lld after %lld, expected "
                  "offsets that do not decrease",
                  entry->name, want->name, (long long)i, (long long)value,
                  (long long)last);
    if (value > length)
      return fail(error, SEQC_ERROR_SEGMENTS,
                  "%s: argument '%s': entry %lld is %lld, beyond %s = %lld",
                  entry->name, want->name, (long long)i, (long long)value,
                  axis, (long long)length);
    last = value;
  }
  if (last != length)
    return fail(error, SEQC_ERROR_SEGMENTS,
                "%s: argument '%s' ends at %lld, expected %s = %lld",
                entry->name, want->name, (long long)last,
                axis, (long long)length);
  return SEQC_OK;
}

int64_t seqc_rt_bytes(const seqc_arg *want, const DLTensor *tensor) {
  int64_t bytes = want->bits == 1 ? 1 : want->bits / 8;
  for (int d = 0; d < want->rank; ++d)
    bytes *= tensor->shape[d];
  return bytes;
}

static int32_t check_alias(const seqc_entry *entry, const DLTensor *const *args,
                           seqc_error *error) {
  for (int i = 0; i < entry->arg_count; ++i) {
    if (!entry->args[i].is_output && !entry->args[i].in_place)
      continue;
    uintptr_t a = (uintptr_t)data_of(args[i]);
    int64_t na = seqc_rt_bytes(&entry->args[i], args[i]);
    for (int j = 0; j < entry->arg_count; ++j) {
      uintptr_t b = (uintptr_t)data_of(args[j]);
      int64_t nb = seqc_rt_bytes(&entry->args[j], args[j]);
      if (i != j && na && nb && a < b + (uint64_t)nb && b < a + (uint64_t)na)
        return fail(error, SEQC_ERROR_ALIAS,
                    "%s: output '%s' overlaps argument '%s', expected memory of "
                    "its own",
                    entry->name, entry->args[i].name, entry->args[j].name);
    }
  }
  return SEQC_OK;
}

static double element_at(const seqc_arg *want, const DLTensor *tensor,
                         int64_t i) {
  const char *data = data_of(tensor);
  if (want->dl_code == kDLInt)
    return want->bits >= 32 ? (double)offset_at(want, tensor, i) : data[i];
  if (want->bits == 64) {
    double value;
    memcpy(&value, data + 8 * i, 8);
    return value;
  }
  if (want->bits == 32) {
    float value;
    memcpy(&value, data + 4 * i, 4);
    return value;
  }
  uint16_t bits;
  memcpy(&bits, data + 2 * i, 2);
  if (want->dl_code == kDLBfloat) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, 4);
    return value;
  }
  /* f16: a power of two times the significand. */
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double value = exponent == 31  ? (fraction ? __builtin_nan("") : __builtin_inf())
                 : exponent == 0 ? __builtin_ldexp(fraction, -24)
                                 : __builtin_ldexp(fraction + 1024, exponent - 25);
  return bits >> 15 ? -value : value;
}

static int32_t check_range(const seqc_entry *entry, const seqc_arg *want,
                           const DLTensor *tensor, seqc_error *error) {
  const double infinity = __builtin_inf();
  if (want->low == -infinity && want->high == infinity)
    return SEQC_OK;
  int64_t count = 1;
  for (int d = 0; d < want->rank; ++d)
    count *= tensor->shape[d];
  for (int64_t i = 0; i < count; ++i) {
    double value = element_at(want, tensor, i);
    if (value >= want->low && value <= want->high)
      continue;
    /* The index, with the names of its axes. */
    char place[256] = "";
    int64_t rest = count, at = i;
    for (int d = 0; d < want->rank; ++d) {
      rest /= tensor->shape[d];
      size_t used = strlen(place);
      int symbol = want->dims[d].symbol;
      snprintf(place + used, sizeof place - used, "%s%s%s%lld", d ? ", " : "",
               symbol < 0 ? "" : entry->symbol_names[symbol],
               symbol < 0 ? "" : "=", (long long)(at / rest));
      at %= rest;
    }
    char range[80];
    if (want->low == -infinity)
      snprintf(range, sizeof range, "at most %g", want->high);
    else if (want->high == infinity)
      snprintf(range, sizeof range, "at least %g", want->low);
    else
      snprintf(range, sizeof range, "%g to %g", want->low, want->high);
    return fail(error, SEQC_ERROR_RANGE,
                "%s: argument '%s' at [%s] is %g, declared %s", entry->name,
                want->name, place, value, range);
  }
  return SEQC_OK;
}

int32_t seqc_rt_prepare(const seqc_entry *entry, const DLTensor *const *args,
                        int32_t device_type, const DLTensor *const *values,
                        struct seqc_frame *frame, seqc_error *error) {
  frame->block = frame->stack;
  if (entry->abi_version != SEQC_ABI_VERSION)
    return seqc_rt_fail(error, SEQC_ERROR_ABI,
                        "%s: compiled for ABI version %u, this runtime has %u",
                        entry->name, entry->abi_version, SEQC_ABI_VERSION);
  size_t words = 0;
  for (int i = 0; i < entry->arg_count; ++i) {
    int32_t code =
        check_tensor(entry, &entry->args[i], args[i], device_type, error);
    if (code != SEQC_OK)
      return code;
    words += 3 + 2 * (size_t)entry->args[i].rank;
  }
  /* One block: symbols, pointers to descriptors, descriptors.  Calls are short,
     so that usual sizes stay on the stack. */
  size_t symbol_words =
      (sizeof(struct binding) / sizeof(int64_t)) * (size_t)entry->symbol_count;
  size_t total = symbol_words + (size_t)entry->arg_count + words;
  if (total > sizeof frame->stack / sizeof *frame->stack) {
    frame->block = malloc(total * sizeof *frame->block);
    if (!frame->block) {
      frame->block = frame->stack;
      return seqc_rt_fail(error, SEQC_ERROR_MEMORY, "%s: out of memory",
                          entry->name);
    }
  }
  struct binding *symbols = (struct binding *)frame->block;
  frame->descriptors = (void **)(frame->block + symbol_words);
  int64_t *next = frame->block + symbol_words + entry->arg_count;
  memset(symbols, 0, symbol_words * sizeof *frame->block);

  int32_t code = check_shapes(entry, args, symbols, error);
  for (int i = 0; values && code == SEQC_OK && i < entry->arg_count; ++i)
    if (entry->args[i].cuts)
      code = check_segments(entry, &entry->args[i], values[i], symbols, error);
  if (code == SEQC_OK)
    code = check_alias(entry, args, error);
  if (values && entry->flags & SEQC_ENTRY_CHECKED)
    for (int i = 0; code == SEQC_OK && i < entry->arg_count; ++i)
      if (!entry->args[i].is_output)
        code = check_range(entry, &entry->args[i], values[i], error);
  for (int i = 0; code == SEQC_OK && i < entry->arg_count; ++i) {
    int rank = entry->args[i].rank;
    frame->descriptors[i] = next;
    next[0] = next[1] = (int64_t)(uintptr_t)data_of(args[i]);
    next[2] = 0;
    int64_t stride = 1;
    for (int d = rank - 1; d >= 0; --d) {
      next[3 + d] = args[i]->shape[d];
      next[3 + rank + d] = stride;
      stride *= args[i]->shape[d];
    }
    next += 3 + 2 * rank;
  }
  return code;
}

void seqc_rt_release(struct seqc_frame *frame) {
  if (frame->block != frame->stack)
    free(frame->block);
}

int32_t seqc_rt_invoke(const seqc_entry *entry, const DLTensor *const *args,
                       seqc_kernel kernel, seqc_error *error) {
  if (!entry || !args || !kernel)
    return seqc_rt_fail(error, SEQC_ERROR_NULL_ARGUMENT,
                        "seqc_rt_invoke: null entry, arguments or kernel");
  struct seqc_frame frame;
  int32_t code = seqc_rt_prepare(entry, args, kDLCPU, args, &frame, error);
  if (code == SEQC_OK) {
    kernel(frame.descriptors);
    seqc_rt_succeed(error);
  }
  seqc_rt_release(&frame);
  return code;
}
