"""What indexing is tested on: expressions and statements that PyTorch and rushlight both run.

`record_indexing.py` runs them under PyTorch and stores what came out; `test_indexing.py` runs them
under rushlight and compares.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

READS = """
x[:]
x[0:]
x[0:2]
x[:,:]
x[...]
x[()]
x[None]
x[0,:,None]
x[True]
x[False]
x[True,0]
x[0,True]
x[:,True]
x[np.True_]
x[np.int64(1)]
x[np.int64(1),:]
x[0,1,2]
x[-1]
x[5]
x[-3]
x[0,7]
x[0,0,0,0]
x[...,0]
x[...,0,...]
x[1.0]
x['a']
x[::2]
x[::-1]
x[::0]
x[0:1.5]
x['a':]
x[[0,1]]
x[[0,1],[0,1]]
x[[[0,1],[0,1]]]
x[[0,slice(None)]]
x[[slice(None)]]
x[[None]]
x[[True,False]]
x[[]]
x[[],]
x[[0.5]]
x[(0,1),]
x[((0,1),(1,2))]
x[np.array([0,1])]
x[np.array([0.5])]
x[np.array([True,False])]
x[torch.tensor(1)]
x[torch.tensor(1),:]
x[:,torch.tensor(1)]
x[torch.tensor(True)]
x[:,torch.tensor(True)]
x[torch.tensor(False)]
x[torch.tensor([1,0])]
x[torch.tensor([1,0],dtype=torch.uint8)]
x[torch.tensor(1,dtype=torch.uint8)]
x[torch.tensor([1,0],dtype=torch.int32)]
x[torch.tensor([1,0],dtype=torch.int16)]
x[torch.tensor([1,0],dtype=torch.int8)]
x[torch.tensor([1.,0])]
x[torch.tensor(1.)]
x[torch.tensor([5])]
x[:,torch.tensor([5])]
x[:,:,torch.tensor([-5])]
x[torch.tensor([0,1]),torch.tensor([0,1,2])]
x[torch.tensor([0,1]),:,torch.tensor([0,1])]
x[:,torch.tensor([0,1]),torch.tensor([0,1])]
x[0,:,torch.tensor([0,1])]
x[torch.tensor([0,1]),:,0]
x[torch.tensor([0,1]),None,torch.tensor([0,1])]
x[torch.tensor([True,False,True])]
x[x>5]
x[:,torch.ones(3,3,dtype=torch.bool)]
x[torch.ones(2,3,dtype=torch.bool)]
x[torch.ones(2,3,dtype=torch.bool),0]
x[torch.ones(2,3,4,1,dtype=torch.bool)]
x[torch.tensor([0]),torch.tensor([0]),torch.tensor([0]),torch.tensor([0])]
z[0]
z[:]
z[None]
z[...]
z[()]
z[True]
z[torch.tensor(True)]
z[torch.tensor(0)]
z[torch.tensor([0])]
z[0,0]
z[[0]]
x[torch.tensor(0):torch.tensor(1)]
x[torch.tensor([0,1]):]
x[{}]
x[object()]
x[0][0][0][0]
x[1:1]
x[5:]
x[range(2)]
x[torch.tensor([[0,1],[1,0]])]
x[torch.zeros(0,dtype=torch.long)]
x[None,torch.tensor([0,1]),None]
x[0,torch.tensor([0,1])]
x[1:,torch.tensor([0,1])]
x[None,None]
x[...,None]
x[0:2,0:3]
x[0:2,1:3]
x[(slice(None),)]
x[[1,torch.tensor(0)]]
x[[True,0]]
x[torch.tensor(True),torch.tensor([0,1])]
x[True,torch.tensor([0,1])]
x[True,False]
x[None,0]
x[torch.zeros(0,3,dtype=torch.bool)]
x[2**70]
x[0:2**70]
torch.zeros(0)[0]
torch.zeros(0)[torch.tensor([0])]
list(x)[0]
next(iter(x))
iter(z)
torch.tensor(3. in x)
'a' in x
torch.tensor(torch.tensor([0.,1,2,3]) in x)
torch.arange(3)[torch.tensor([2],dtype=torch.uint8)]
x[None,7]
x[...,7]
x[:,...,7]
x[-3:,1:]
x[:,-5:5]
""".split("\n")[1:-1]

WRITES = """
x[0]=1
x[0]=[1,2,3,4]
x[0]=np.float32(3)
x[0]=np.ones(4)
x[0]='a'
x[0]=None
x[0]=torch.ones(5)
x[0]=torch.ones(1,1,1,3,4)
x[0]=torch.ones(2,3,4)
x[0]=torch.ones(4,dtype=torch.int64)
x[0]=1j
xi[0]=2.7
xi[0]=torch.tensor([2.7,1.2,3.])
xi[0]=True
x[i]=torch.ones(4,dtype=torch.float64)
x[i]=torch.ones(5)
x[m]=0
x[m]=torch.ones(18)
x[m]=torch.ones(17)
x[m]=torch.ones(1,18)
x[m]=torch.tensor(3.)
x[m]=torch.tensor(3.,dtype=torch.float64)
x[m]=torch.tensor([3],dtype=torch.int64)
x[i,i]=torch.tensor(3)
x[0,i]=5
x[i]=np.float32(5)
x[i]=[1]
x[True]=3
x[False]=3
x[None]=3
x[...]=3
x[()]=3
x[:]=3
x[:,0]=3
x[:]=x
x[1:]=x[:1]
leaf[0]=1
leaf[i]=1
leaf[:]=1
leaf.fill_(1)
y[0]=1
y[0]=v
y[0]=s
y[i]=v
y[i]=s
y[i]=2
y[:]=v
y[...]=v
y.copy_(v)
y.fill_(s)
y.fill_(2)
y.zero_()
y.copy_(x)
x[0]=v; y=x
x[i]=v; y=x
x.copy_(v); y=x
x.fill_(s); y=x
x.copy_(torch.ones(5))
x.copy_(torch.ones(1,2,3,4))
x.copy_(3)
x.copy_([3])
x.fill_(torch.ones(2))
x.fill_('a')
xi.fill_(2.7)
xi.fill_(1j)
x.index_put_((i,),torch.tensor(1.))
x.index_put_((i,),torch.tensor(1.),accumulate=True)
x.index_put_((None,i),torch.tensor(1.),accumulate=True)
x.index_put_([i],1.)
x.index_put_(i,torch.tensor(1.))
y.masked_fill_(m,2.)
y.masked_fill_(m,s)
y.masked_fill_(m,v)
y.masked_fill_(xi,v)
y.masked_fill_(torch.ones(3),2.)
y.masked_fill_(torch.ones(3,dtype=torch.bool),2.)
xi.masked_fill_(xi>2,2.5)
y.index_fill_(0,i,2.)
y.index_fill_(0,i,s)
y.index_copy_(0,i,x)
y.index_add_(0,i,x,alpha=2)
y.scatter_(0,torch.zeros(1,3,4,dtype=torch.long),2.)
y.scatter_(0,torch.zeros(1,3,4,dtype=torch.long),x)
y.scatter_(0,torch.zeros(1,3,4,dtype=torch.long),2.,reduce='add')
y.scatter_add_(0,torch.zeros(1,3,4,dtype=torch.long),x)
y.scatter_reduce_(0,torch.zeros(1,3,4,dtype=torch.long),x,'sum')
y.masked_scatter_(m,x)
y[y>0.5]=0
y[:,1:3,i]=0
y[0].zero_()
y[0]=leaf.sum()
x.expand(3,2,3,4)[0]=1
q=torch.ones(1).expand(3); q[i]=1.
q=torch.ones(1).expand(3); q[:]=1.
y.put_(i,torch.tensor([1.,2.]))
x[np.array([[0,1],[0,1]])]=5
x[2]=5
x[0,4]=5
del x[0]
xi[0]=float('nan')
xi[0]=2**40
x.int()[0]=2**40
x[0]=2**70
x.half()[0]=1e10
x.bool()[0]=5
x.to(torch.uint8)[0]=-1
x.to(torch.uint8)[0]=300
""".split("\n")[1:-1]

FUNCTIONS = """
torch.gather(y,0,z3)
y.gather(1,z3[:,:2])
y.gather(3,z3)
y.gather(0,z3.int())
y.gather(0,z3.float())
y.gather(0,z3+5)
y.gather(0,z3-1)
y.gather(0,z3[0])
y.gather(1,torch.zeros(3,3,4,dtype=L))
z.gather(0,torch.tensor(0))
z.gather(0,torch.tensor([0,0]))
torch.gather(y,0,z3,sparse_grad=False)
y.gather(0,index=z3)
y.scatter(0,z3,x)
y.scatter(0,z3,2.)
y.scatter(0,z3[:1],x,reduce='add')
x.scatter(0,z3[:1],x,reduce='multiply')
x.scatter(0,z3[:1],x,reduce='foo')
x.scatter(0,z3[:1],2.,reduce='add')
x.scatter(0,z3+5,x)
x.scatter(0,z3,x.double())
x.scatter(0,torch.zeros(5,5,5,dtype=L),x)
x.scatter(0,z3.int(),x)
x.scatter(0,z3.float(),x)
x.scatter(0,z3,z)
y.scatter_add(0,z3,x)
x.scatter_add(0,z3,y)
x.scatter_add(0,z3,x.double())
x.scatter_reduce(0,z3,x,'sum')
x.scatter_reduce(0,z3,x,'prod')
x.scatter_reduce(0,z3,x,'mean')
x.scatter_reduce(0,z3,x,'amax')
x.scatter_reduce(0,z3,x,'amin',include_self=False)
x.scatter_reduce(0,z3,x,'mean',include_self=False)
x.scatter_reduce(0,z3,x,'foo')
y.index_select(0,i)
torch.index_select(y,-1,i.int())
y.index_select(0,i.float())
y.index_select(0,xi)
y.index_select(0,i+5)
y.index_select(1,i+5)
y.index_select(0,i-1)
y.index_select(5,i)
z.index_select(0,torch.tensor([0]))
y.index_select(0,torch.tensor(1))
y.index_add(0,i,x)
y.index_add(0,i,x,alpha=2)
y.index_add(0,i,x[0])
y.index_add(0,i,x.double())
y.index_add(0,i+4,x)
y.index_add(2,i,x[:,:,:2])
x.index_add(1,i,y[:,:2])
y.index_fill(0,i,3.)
y.index_fill(0,i,s)
y.index_fill(0,i,v)
y.index_fill(0,i+5,3.)
y.index_fill(0,i.float(),3.)
y.index_copy(0,i,x)
x.index_copy(0,i,y)
y.index_copy(0,i,x[0])
y.index_copy(0,i+5,x)
y.index_put((i,),z)
torch.index_put(y,(i,i),v,accumulate=True)
y.masked_fill(m,2.)
y.masked_fill(m,s)
y.masked_fill(m[0],2.)
x[0].masked_fill(m,2.)
y.masked_fill(m,v)
y.masked_fill(x,2.)
xi.masked_fill(xi>2,float('inf'))
xi.masked_fill(xi>2,2.5)
y.masked_fill(m,float('-inf'))
y.masked_select(m)
torch.masked_select(y,m[0])
torch.masked_select(x[0],m)
y.masked_select(x)
y.masked_scatter(m,x)
y.masked_scatter(m,x[0])
y.masked_scatter(x,x)
torch.take(y,i)
y.take(xi)
y.take(i-1)
y.take(i+30)
y.take(i.float())
torch.take_along_dim(y,z3,0)
torch.take_along_dim(y,i)
torch.take_along_dim(y,z3[:1],dim=1)
y.put(i,torch.tensor([5.,6.]))
y.put(i,torch.tensor([5.,6.]),accumulate=True)
torch.where(m,x,y)
torch.where(m,x,2.)
torch.where(m,2.,y)
torch.where(m,1.,2.)
torch.where(m,1,2)
torch.where(m,1,2.5)
torch.where(m,True,False)
torch.where(m)
torch.where(m,xi[0,0],y)
torch.where(m,xi[0,0],2)
torch.where(x,x,y)
torch.where(m,x.double(),y)
torch.where(m.to(torch.uint8),x,y)
y.where(m,0.)
y.where(m,x)
torch.where(m,x,y[0,0,:3])
torch.where(z>1,1.,s)
torch.nonzero(m)
torch.nonzero(m,as_tuple=True)
m.nonzero()
m.nonzero(as_tuple=False)
torch.nonzero(z)
torch.nonzero(z,as_tuple=True)
torch.argwhere(m)
torch.argwhere(z)
torch.embedding(W,xi)
torch.embedding(W,xi,1)
torch.embedding(W,xi,1,True)
torch.embedding(W,xi+3)
torch.embedding(W,xi.float())
torch.embedding(v,xi)
F.embedding(xi,W)
F.embedding(xi,W,padding_idx=-1)
F.embedding(xi,W,padding_idx=7)
F.one_hot(xi)
F.one_hot(xi,8)
F.one_hot(xi,2)
F.one_hot(-xi)
F.one_hot(x)
F.one_hot(torch.zeros(0,dtype=L))
F.one_hot(torch.zeros(0,dtype=L),3)
torch.sort(r)
torch.sort(h,0)
torch.sort(h,dim=1,descending=True)
torch.sort(h,stable=True,dim=-1)
r.sort(descending=True)
torch.sort(z)
torch.sort(h,5)
torch.argsort(r)
torch.argsort(h,0,True)
torch.argsort(h,stable=True)
r.argsort(dim=0,descending=True)
torch.topk(h,2,0)
torch.topk(h,2,dim=1,largest=False,sorted=True)
torch.topk(h,5)
torch.topk(h,-1)
torch.topk(z,1)
torch.topk(h,0)
torch.kthvalue(r,2)
torch.kthvalue(h,2,1,True)
torch.kthvalue(h,5)
torch.median(r)
torch.median(h)
torch.median(h,1)
torch.median(h,dim=0,keepdim=True)
torch.median(torch.tensor([1.,float('nan'),2.]))
torch.nanmedian(torch.tensor([1.,float('nan'),2.]))
torch.nanmedian(torch.tensor([[1.,float('nan'),2.]]),1)
torch.median(torch.zeros(0))
torch.mode(h)
torch.mode(r)
torch.mode(h,0,True)
torch.msort(h)
torch.unique(r)
torch.unique(r,return_inverse=True)
torch.unique(r,return_counts=True)
torch.unique(r,return_inverse=True,return_counts=True)
torch.unique(h,dim=1)
torch.unique(h,dim=0,return_inverse=True)
torch.unique(xi,sorted=False)
r.unique()
r.unique_consecutive()
torch.unique_consecutive(h.reshape(-1),return_inverse=True,return_counts=True)
torch.unique_consecutive(h,dim=1)
torch.bincount(xi.reshape(-1))
torch.bincount(xi.reshape(-1),weights=x.reshape(-1)[:6],minlength=8)
torch.bincount(xi)
torch.bincount(-xi.reshape(-1))
torch.bincount(r)
torch.histc(r,bins=4)
torch.histc(r,4,0,4)
torch.histc(h,bins=3,min=2,max=2)
torch.histc(xi)
torch.searchsorted(torch.tensor([1.,3.,5.]),h)
torch.searchsorted(torch.tensor([1.,3.,5.]),h,right=True)
torch.searchsorted(torch.tensor([1.,3.,5.]),3.)
torch.searchsorted(torch.tensor([1.,3.,5.]),h,out_int32=True,side='right')
torch.searchsorted(torch.tensor([[1.,3.,5.],[2.,4.,6.]]),h)
torch.searchsorted(torch.tensor([[1.,3.,5.],[2.,4.,6.]]),h[0])
torch.searchsorted(torch.tensor([5.,1.,3.]),h,sorter=torch.tensor([1,2,0]))
torch.searchsorted(torch.tensor([1.,3.,5.]),h,side='foo')
torch.searchsorted(torch.tensor([1.,3.,5.]),h,side='left',right=True)
torch.searchsorted(torch.tensor([1.,3.,5.]),xi)
torch.bucketize(h,torch.tensor([1.,3.,5.]))
torch.bucketize(3,torch.tensor([1,3,5]))
torch.bucketize(h,torch.tensor([1.,3.,5.]),right=True,out_int32=True)
torch.bucketize(h,h)
torch.isin(xi,i)
""".split("\n")[1:-1]


def names(torch: Any, functional: Any) -> dict[str, Any]:
    """The tensors that the cases speak of."""
    x = torch.tensor(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
    return {
        "torch": torch, "np": np, "F": functional, "x": x, "L": torch.int64,
        "y": torch.ones(2, 3, 4, requires_grad=True) * 1,
        "leaf": torch.ones(3, requires_grad=True),
        "v": torch.ones(4, requires_grad=True),
        "s": torch.tensor(2.0, requires_grad=True),
        "z": torch.tensor(3.0, requires_grad=True),
        "i": torch.tensor([0, 1]), "m": x > 5,
        "xi": torch.tensor(np.arange(6).reshape(2, 3)),
        "W": torch.ones(6, 3, requires_grad=True),
        "z3": torch.zeros(2, 3, 4, dtype=torch.int64),
        "r": torch.tensor([3.0, 1.0, 2.0, 1.0, 3.0], requires_grad=True),
        "h": torch.tensor([[1.0, 5.0, 3.0], [9.0, 2.0, 2.0]]),
    }  # fmt: skip


def outcome(torch: Any, functional: Any, case: str, statement: bool) -> dict[str, Any]:
    """What a case yields: values, shapes, dtypes, node names, warnings, or the error."""
    scope = names(torch, functional)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if statement:
                exec(case, scope)
                result: Any = [scope["x"], scope["y"], scope["xi"]]
            else:
                result = eval(case, scope)
            found = {"result": describe(torch, result), "version": scope["x"]._version}
        except Exception as error:
            text = str(error).partition("\n")[0]
            found = {"error": [type(error).__name__, text]}
    found["warnings"] = [str(w.message).partition(" (Triggered")[0][:100] for w in caught]
    return found


def describe(torch: Any, value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        node = type(value.grad_fn).__name__ if value.grad_fn is not None else None
        flat = value.detach().reshape(-1).tolist()
        values = [
            repr(a) if isinstance(a, float) and not math.isfinite(a) else a for a in flat
        ]
        return [list(value.shape), str(value.dtype), node, values, value._is_view()]
    if isinstance(value, tuple | list):
        return [type(value).__name__, *(describe(torch, v) for v in value)]
    return repr(value)
