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

typedef struct {
    int depth;
    PyObject *dead;
} agl_trash;

static AGL_THREAD_LOCAL agl_trash agl_trash_of_thread = {0, NULL};

/* Returns the thread's trash if the object is to be freed now, NULL if it was put on the list. (Where a thread's own
 * variable stands is a call to find out: asking once saves 25 instructions for each object.) */
static inline agl_trash *agl_begin(PyObject *op)
{
    agl_trash *trash = &agl_trash_of_thread;
#if defined(__GNUC__) || defined(__clang__)
    __asm__("" : "+r"(trash)); /* or the compiler asks again and again */
#endif
    if (trash->depth >= AGL_DEEPEST) {
        memcpy((void *)op, &trash->dead, sizeof(trash->dead));
        trash->dead = op;
        return NULL;
    }
    trash->depth++;
    return trash;
}

static inline void agl_end(agl_trash *trash)
{
    if (trash->depth == 1) {
        while (trash->dead != NULL) {
            PyObject *op = trash->dead;
            memcpy(&trash->dead, (void *)op, sizeof(trash->dead));
            memset((void *)op, 0, sizeof(trash->dead)); /* no references, as before */
            Py_TYPE(op)->tp_dealloc(op);
        }
    }
    trash->depth--;
}

#undef Py_TRASHCAN_BEGIN
#undef Py_TRASHCAN_END
#define Py_TRASHCAN_BEGIN(op, dealloc) { agl_trash *agl_here = agl_begin((PyObject *)(op)); if (agl_here != NULL) {
#define Py_TRASHCAN_END agl_end(agl_here); } }

#endif
