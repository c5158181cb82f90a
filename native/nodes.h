/* Included before the C code that mypyc makes of the engine: the memory of dead nodes is kept for the next ones.
 *
 * A training step makes and drops some thousand nodes, all of one size. CPython's allocator takes 140 instructions for
 * a node, and 45 to release it; here it is 20 and 10. setup.py makes these two functions the allocator of `Value`.
 *
 * The kept nodes are a list that is linked through the field which a dead object needs no longer, its reference count.
 * The references in them are NULL, as mypyc expects of a new node: its deallocator has cleared them.
 *
 * There is one list for the process, which the interpreter's lock protects. So the engine is for the main interpreter,
 * as all that mypyc makes: setup.py has the module ask `agl_refuses` when it is loaded.
 */
#ifndef AUTOGRAD_LITE_NODES_H
#define AUTOGRAD_LITE_NODES_H

#include <Python.h>
#include <string.h>

#ifdef Py_GIL_DISABLED
#error "the native engine needs the interpreter's lock"
#endif

#if defined(__SANITIZE_ADDRESS__)
#define AGL_MOST_KEPT 0 /* so that AddressSanitizer sees each node die */
#else
#define AGL_MOST_KEPT 16384 /* 1.5 MB */
#endif

/* Whether the module must not be loaded here; the exception is set. */
static inline int agl_refuses(void)
{
    if (PyInterpreterState_Get() == PyInterpreterState_Main())
        return 0;
    PyErr_SetString(PyExc_ImportError,
                    "the native engine of autograd_lite runs in the main interpreter only, not in a subinterpreter: install"
                    " the plain one, with AUTOGRAD_LITE_COMPILE=0");
    return 1;
}

static PyObject *agl_kept = NULL;
static int agl_count_of_kept = 0;

#if defined(__GNUC__) || defined(__clang__)
/* The next one was not touched since it died. */
#define AGL_PREFETCH(op) (__builtin_prefetch(op, 1), __builtin_prefetch((char *)(op) + 64, 1))
#else
#define AGL_PREFETCH(op) ((void)0)
#endif

static PyObject *agl_alloc(PyTypeObject *type, Py_ssize_t items)
{
    PyObject *op = agl_kept;
    if (op == NULL)
        return PyType_GenericAlloc(type, items);
    memcpy(&agl_kept, (void *)op, sizeof(agl_kept));
    AGL_PREFETCH(agl_kept);
    agl_count_of_kept--;
    memset((void *)op, 0, sizeof(agl_kept)); /* where the count has half the size of a pointer */
    Py_SET_REFCNT(op, 1);
    return op;
}

static void agl_free(void *op)
{
    if (agl_count_of_kept >= AGL_MOST_KEPT) {
        PyObject_Free(op);
        return;
    }
    memcpy(op, &agl_kept, sizeof(agl_kept));
    agl_kept = (PyObject *)op;
    agl_count_of_kept++;
}

#endif
