/* Included before the C code that mypyc makes of the engine: release a deep graph without deep recursion.
 *
 * When a node dies, its deallocator drops its parents, whose deallocators drop theirs, and so on: a chain of a million
 * nodes would overflow the C stack. CPython's remedy, the "trashcan" (Py_TRASHCAN_BEGIN/END, which mypyc emits), puts
 * objects that die too deep on a list and frees them once the stack has unwound. Up to CPython 3.13 it keeps that list
 * in the garbage collector's header of the objects, and from 3.14 on it serves only objects that have one; our nodes,
 * which are acyclic, have none. So here is the same remedy for any object: the list is linked through the field that a
 * dead object needs no longer, its reference count.
 */
#ifndef AUTOGRAD_LITE_TRASHCAN_H
#define AUTOGRAD_LITE_TRASHCAN_H

#include <Python.h>
#include <string.h>

#ifdef _MSC_VER
#define AGL_THREAD_LOCAL __declspec(thread)
#else
#define AGL_THREAD_LOCAL __thread
#endif

#define AGL_DEEPEST 50

static AGL_THREAD_LOCAL int agl_depth = 0;
static AGL_THREAD_LOCAL PyObject *agl_dead = NULL;

/* Returns 1 if the object is to be freed now, 0 if it was put on the list. */
static inline int agl_begin(PyObject *op)
{
    if (agl_depth >= AGL_DEEPEST) {
        memcpy((void *)op, &agl_dead, sizeof(agl_dead));
        agl_dead = op;
        return 0;
    }
    agl_depth++;
    return 1;
}

static inline void agl_end(void)
{
    if (agl_depth == 1) {
        while (agl_dead != NULL) {
            PyObject *op = agl_dead;
            memcpy(&agl_dead, (void *)op, sizeof(agl_dead));
            memset((void *)op, 0, sizeof(agl_dead)); /* no references, as before */
            Py_TYPE(op)->tp_dealloc(op);
        }
    }
    agl_depth--;
}

#undef Py_TRASHCAN_BEGIN
#undef Py_TRASHCAN_END
#define Py_TRASHCAN_BEGIN(op, dealloc) if (agl_begin((PyObject *)(op))) {
#define Py_TRASHCAN_END agl_end(); }

#endif
