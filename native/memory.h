/* Included before the C code that mypyc makes of the engine: running out of memory is a MemoryError.
 *
 * mypyc checks whether most objects could be allocated, but not the floats and the tuples that it makes of unboxed
 * numbers: without memory the next instruction dereferences NULL, or the process is aborted. So the engine keeps a few
 * spare ones (setup.py has the generated code call these functions), which carry it to its next allocation of another
 * kind. That one is checked, and raises MemoryError.
 */
#ifndef AUTOGRAD_LITE_MEMORY_H
#define AUTOGRAD_LITE_MEMORY_H

#include <Python.h>

#define AGL_SPARES 64
#define AGL_LONGEST 12

typedef struct {
    int count;
    PyObject *objects[AGL_SPARES];
} agl_spares;

static agl_spares agl_floats;
static agl_spares agl_tuples[AGL_LONGEST + 1]; /* by their length */

/* Keep one more, made by the caller; no memory for it is not an error. */
static inline void agl_keep(agl_spares *spares, PyObject *spare)
{
    if (spare == NULL)
        PyErr_Clear();
    else
        spares->objects[spares->count++] = spare;
}

/* Take a spare one where memory has run out; NULL, and the MemoryError, if there is none left. */
static inline PyObject *agl_take(agl_spares *spares)
{
    if (spares->count == 0)
        return NULL;
    PyErr_Clear();
    return spares->objects[--spares->count];
}

static inline PyObject *agl_float(double x)
{
    PyObject *result = PyFloat_FromDouble(x);
    if (result == NULL) {
        result = agl_take(&agl_floats);
        if (result != NULL)
            ((PyFloatObject *)result)->ob_fval = x;
    }
    else if (agl_floats.count < AGL_SPARES)
        agl_keep(&agl_floats, PyFloat_FromDouble(0.0));
    return result;
}

static inline PyObject *agl_tuple(Py_ssize_t length)
{
    PyObject *result = PyTuple_New(length);
    if (length == 0 || length > AGL_LONGEST)
        return result;
    if (result == NULL)
        return agl_take(&agl_tuples[length]);
    if (agl_tuples[length].count < AGL_SPARES)
        agl_keep(&agl_tuples[length], PyTuple_New(length));
    return result;
}

#endif
