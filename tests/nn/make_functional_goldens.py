"""Records what PyTorch answers to the calls that `test_functional_goldens.py` repeats.

Run with an interpreter that has PyTorch: ``python make_functional_goldens.py``. Each line of
``functional_goldens.jsonl`` is one call: the expression, how its inputs are drawn, and the shape,
dtype, grad_fn and random projections of the result, its gradients and its second gradients.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from functional_runner import run  # noqa: E402

CASES: list[tuple[str, list]] = []


def case(expression: str, *inputs) -> None:
    CASES.append((expression, list(inputs)))


def A(*shape: int, scale: float = 1.0, pos: bool = False, unit: bool = False) -> dict:
    """Floats: normal, positive, or in (0, 1)."""
    kind = "unit" if unit else "positive" if pos else "normal"
    return {"kind": kind, "shape": shape, "scale": scale}


def I(high: int, *shape: int) -> dict:  # noqa: E743
    """Integers below `high`."""
    return {"kind": "integer", "shape": shape, "high": high}


# conv
for rank in (1,2,3):
    sp=(7,6,5)[:rank]
    for kw in ("","stride=2","padding=1","stride=2,padding=1,dilation=2","padding='same'","padding='valid'","padding='same',dilation=2"):
        case(f"F.conv{rank}d(a,b,c,{kw})",A(2,4,*sp),A(6,4,*((3,2,2)[:rank])),A(6))
        case(f"F.conv{rank}d(a,b,None,{kw})",A(4,*sp),A(6,4,*((3,2,2)[:rank])))
    case(f"F.conv{rank}d(a,b,c,groups=2,padding=1)",A(2,4,*sp),A(6,2,*((3,2,2)[:rank])),A(6))
    case(f"F.conv{rank}d(a,b,c,groups=4,padding=1,stride=2)",A(2,4,*sp),A(8,1,*((3,2,2)[:rank])),A(8))
    case(f"F.conv{rank}d(a,b)",A(2,4,*sp),A(6,4,*((1,)*rank)))
    for kw in ("","stride=2","stride=3,padding=1,output_padding=1","stride=2,padding=1,dilation=2","stride=2,groups=2,output_padding=1"):
        o=3 if 'groups' in kw else 6
        case(f"F.conv_transpose{rank}d(a,b,c,{kw})",A(2,4,*((4,3,3)[:rank])),A(4,o,*((3,2,2)[:rank])),A(6))
        case(f"F.conv_transpose{rank}d(a,b,None,{kw})",A(4,*((4,3,3)[:rank])),A(4,o,*((3,2,2)[:rank])))
case("F.conv2d(a,b,c,stride=(2,1),padding=(1,0),dilation=(1,2))",A(2,3,8,7),A(4,3,3,2),A(4))
case("F.conv2d(a,b)",A(0,3,8,7),A(4,3,3,2))
case("torch.conv2d(a,b,stride=[2])",A(1,3,8,7),A(4,3,3,2))
# pools
for rank in (1,2,3):
    sp=(9,7,6)[:rank]
    for kw in ("2","3,2","3,2,1","2,ceil_mode=True","3,1,1","3,stride=2,padding=1,ceil_mode=True"):
        case(f"F.avg_pool{rank}d(a,{kw})",A(2,3,*sp))
        case(f"F.avg_pool{rank}d(a,{kw},count_include_pad=False)",A(3,*sp))
        case(f"F.max_pool{rank}d(a,{kw})",A(2,3,*sp))
        case(f"F.max_pool{rank}d(a,{kw},return_indices=True)",A(3,*sp))
    case(f"F.max_pool{rank}d(a,2,dilation=2)",A(2,3,*sp))
    if rank>1: case(f"F.avg_pool{rank}d(a,2,divisor_override=3)",A(2,3,*sp))
    for o in (1,2,3,5):
        case(f"F.adaptive_avg_pool{rank}d(a,{o})",A(2,3,*sp))
        case(f"F.adaptive_max_pool{rank}d(a,{o},return_indices=True)",A(2,3,*sp))
    case(f"F.lp_pool{rank}d(a,2.0,2)",A(2,3,*sp))
    case(f"F.lp_pool{rank}d(a,3,2)",A(2,3,*sp,pos=True))
    case(f"F.max_unpool{rank}d(*F.max_pool{rank}d(a,2,return_indices=True),2)",A(2,3,*(8,6,4)[:rank]))
    case(f"F.max_unpool{rank}d(*F.max_pool{rank}d(a,2,return_indices=True),2,output_size=a.shape)",A(2,3,*sp))
case("F.adaptive_avg_pool2d(a,(None,2))",A(2,3,5,7)); case("F.adaptive_avg_pool2d(a,(3,None))",A(3,5,7))
case("F.max_pool2d(a,(2,3),(1,2),(1,1))",A(2,3,5,7))
# norms
for sh in ((6,3),(4,3,5),(2,3,4,4),(2,3,2,3,2)):
    C=sh[1]
    case("F.batch_norm(a,None,None,b,c,training=True)",A(*sh),A(C),A(C))
    case("F.batch_norm(a,None,None,training=True)",A(*sh))
    case("F.batch_norm(a,None,None,b,training=True,eps=.1)",A(*sh),A(C))
    case("F.batch_norm(a,b.detach(),c.detach(),d,e)",A(*sh),A(C),A(C,pos=True),A(C),A(C))
    case("F.batch_norm(a,b.detach(),c.detach())",A(*sh),A(C),A(C,pos=True))
    case("(lambda m,v:(F.batch_norm(a,m,v,training=True,momentum=.3),m,v))(b.detach().clone(),c.detach().clone())",A(*sh),A(C),A(C,pos=True))
    case("F.layer_norm(a,a.shape[-1:],b,c)",A(*sh),A(sh[-1]),A(sh[-1]))
    case("F.layer_norm(a,a.shape[1:],b,c,eps=.1)",A(*sh),A(*sh[1:]),A(*sh[1:]))
    case("F.layer_norm(a,a.shape)",A(*sh)); case("F.layer_norm(a,a.shape[1:],b)",A(*sh),A(*sh[1:]))
    case("F.group_norm(a,3,b,c)",A(*((sh[0],6)+sh[2:])),A(6),A(6))
    case("F.group_norm(a,2)",A(*((sh[0],6)+sh[2:])))
    case("F.rms_norm(a,a.shape[-1:],b)",A(*sh),A(sh[-1])); case("F.rms_norm(a,a.shape[1:],eps=.1)",A(*sh))
    if len(sh)>2:
        case("F.instance_norm(a,None,None,b,c)",A(*sh),A(C),A(C))
        case("(lambda m,v:(F.instance_norm(a,m,v,momentum=.3),m,v))(b.detach().clone(),c.detach().clone())",A(*sh),A(C),A(C,pos=True))
        case("F.instance_norm(a,b.detach(),c.detach(),use_input_stats=False)",A(*sh),A(C),A(C,pos=True))
        case("F.local_response_norm(a,2)",A(*sh)); case("F.local_response_norm(a,3,alpha=.5,beta=.6,k=2.)",A(*sh))
    case("F.normalize(a)",A(*sh)); case("F.normalize(a,p=3,dim=0)",A(*sh)); case("F.normalize(a,p=1,dim=-1)",A(*sh))
# softmax
for sh,d in (((5,),0),((2,3),1),((2,3),0),((2,3,4),1),((2,3,4),-1)):
    for f in ("softmax","log_softmax","softmin"): case(f"F.{f}(a,{d})",A(*sh))
    case(f"F.softmax(a,{d},dtype=torch.float32)",A(*sh)); case(f"torch.softmax(a,{d})",A(*sh)); case(f"a.log_softmax({d})",A(*sh)); case(f"torch.log_softmax(a,dim={d},dtype=torch.float64)",A(*sh))
case("F.softmax(a,0)",A()); case("F.log_softmax(a,-1)",A()); case("F.softmax(a)",A(2,3,4)); case("F.softmax(a)",A(2,3))
# losses
for red in ("mean","sum","none"):
    R=f"reduction='{red}'"
    for extra in ("","ignore_index=2","weight=c.detach()","weight=c.detach(),ignore_index=1","label_smoothing=.2","label_smoothing=.2,weight=c.detach(),ignore_index=1"):
        for sh in ((4,5),(5,),(3,5,2),(2,5,3,2),(2,5,3,2,2)):
            tsh=() if len(sh)==1 else (sh[0],)+sh[2:]
            case(f"F.cross_entropy(a,b,{R},{extra})",A(*sh),I(5,*tsh),A(5,pos=True))
            if 'smooth' not in extra: case(f"F.nll_loss(a,b,{R},{extra})",A(*sh),I(5,*tsh),A(5,pos=True))
    for extra in ("","weight=c.detach()","label_smoothing=.2"):
        for sh in ((4,5),(5,),(3,5,2)): case(f"F.cross_entropy(a,b,{R},{extra})",A(*sh),A(*sh,unit=True),A(5,pos=True))
    for f in ("mse_loss","l1_loss","smooth_l1_loss","huber_loss","soft_margin_loss","kl_div","poisson_nll_loss","multilabel_soft_margin_loss","hinge_embedding_loss"):
        case(f"F.{f}(a,b,{R})",A(4,3),A(4,3))
        case(f"F.{f}(a,b,{R})",A(4,3),A(3))
    case(f"F.smooth_l1_loss(a,b,{R},beta=.3)",A(4,3),A(4,3)); case(f"F.huber_loss(a,b,{R},delta=.3)",A(4,3),A(4,3)); case(f"F.smooth_l1_loss(a,b,{R},beta=0)",A(4,3),A(4,3))
    for f in ("mse_loss","l1_loss","huber_loss"): case(f"F.{f}(a,b,{R},weight=c)",A(4,3),A(4,3),A(4,3,pos=True))
    case(f"F.binary_cross_entropy(a,b,{R})",A(4,3,unit=True),A(4,3,unit=True)); case(f"F.binary_cross_entropy(a,b,weight=c.detach(),{R})",A(4,3,unit=True),A(4,3,unit=True),A(3,pos=True))
    case(f"F.binary_cross_entropy_with_logits(a,b,{R})",A(4,3),A(4,3,unit=True))
    case(f"F.binary_cross_entropy_with_logits(a,b,weight=c.detach(),pos_weight=d.detach(),{R})",A(4,3),A(4,3,unit=True),A(4,1,pos=True),A(3,pos=True))
    case(f"F.kl_div(a,b,{R},log_target=True)",A(4,3),A(4,3)); case(f"F.kl_div(a,b,{R})",A(4,3),A(4,3,unit=True))
    case(f"F.poisson_nll_loss(a,b,{R},log_input=False,full=True)",A(4,3,pos=True),A(4,3,pos=True))
    case(f"F.gaussian_nll_loss(a,b,c,{R},full=True)",A(4,3),A(4,3),A(4,3,pos=True)); case(f"F.gaussian_nll_loss(a,b,c,{R})",A(4,3),A(4,3),A(4,1,pos=True)); case(f"F.gaussian_nll_loss(a,b,0.7,{R})",A(4,3),A(4,3))
    case(f"F.hinge_embedding_loss(a,(b*2-1),{R})",A(4,3),I(2,4,3)); case(f"F.cosine_embedding_loss(a,b,c*2-1,{R},margin=.1)",A(4,3),A(4,3),I(2,4)); case(f"F.margin_ranking_loss(a,b,c*2-1,{R},margin=.1)",A(4),A(4),I(2,4))
    case(f"F.triplet_margin_loss(a,b,c,{R})",A(4,3),A(4,3),A(4,3)); case(f"F.triplet_margin_loss(a,b,c,{R},swap=True,p=1)",A(4,3),A(4,3),A(4,3)); case(f"F.triplet_margin_with_distance_loss(a,b,c,{R})",A(4,3),A(4,3),A(4,3))
    for p in (1,2): case(f"F.multi_margin_loss(a,b,{R},p={p})",A(4,3),I(3,4)); case(f"F.multi_margin_loss(a,b,{R},p={p},weight=c.detach(),margin=.5)",A(4,3),I(3,4),A(3,pos=True))
    case(f"F.multi_margin_loss(a,b,{R})",A(3),I(3))
    case(f"F.multilabel_margin_loss(a,b,{R})",A(3,4),[[0,2,-1,1],[3,-1,0,0],[1,2,3,0]]); case(f"F.multilabel_margin_loss(a,b,{R})",A(4),[0,2,-1,1])
case("F.kl_div(a,b,reduction='batchmean')",A(4,3),A(4,3,unit=True)); case("F.mse_loss(a,b)",A(0,3),A(0,3)); case("F.cross_entropy(a,b)",A(0,3),I(3,0))
# activations
for f in ("relu","relu6","hardtanh","hardsigmoid","hardswish","elu","selu","celu","leaky_relu","silu","mish","gelu","softplus","logsigmoid","sigmoid","tanh","softsign","tanhshrink","softshrink","hardshrink","rrelu","glu"):
    case(f"F.{f}(a)",A(4,6,scale=3.)); case(f"F.{f}(a)",A(3,2,40,scale=3.))
case("F.gelu(a,approximate='tanh')",A(4,6)); case("F.threshold(a,.2,5.)",A(4,6)); case("F.prelu(a,b)",A(4,6),A(1)); case("F.prelu(a,b)",A(4,6,2),A(6)); case("F.prelu(a,b)",A(6),A(1)); case("F.celu(a,.5)",A(4,6)); case("F.elu(a,.5)",A(4,6)); case("F.hardtanh(a,-.3,.7)",A(4,6)); case("F.glu(a,0)",A(4,6)); case("F.softplus(a,2.,3.)",A(4,6)); case("F.softshrink(a,.2)",A(4,6))
for f in ("relu","relu6","hardtanh","hardsigmoid","hardswish","elu","selu","celu","leaky_relu","silu","mish","rrelu"): case(f"F.{f}(a*1,inplace=True)",A(4,6,scale=3.))
for f in ("relu_","elu_","leaky_relu_","hardtanh_","selu_","celu_","rrelu_"): case(f"F.{f}(a*1)",A(4,6,scale=3.))
case("F.threshold_(a*1,.1,20)",A(4,6))
# pads, distances
for m in ("reflect","replicate","circular"):
    case(f"F.pad(a,(2,1),'{m}')",A(2,3,5)); case(f"F.pad(a,(2,1,1,0),'{m}')",A(2,3,5,4)); case(f"F.pad(a,(2,1,1,0,1,1),'{m}')",A(1,2,3,5,4)); 
    if m!='reflect': case(f"F.pad(a,(-1,1),'{m}')",A(2,3,5))
case("F.pad(a,(2,1))",A(2,3)); case("F.pad(a,(2,1,-1,1),value=3.)",A(2,3)); case("F.pad(a,(-1,-1))",A(2,3)); case("F.pad(a,())",A(2,3))
case("F.cosine_similarity(a,b)",A(4,3),A(4,3)); case("F.cosine_similarity(a,b,dim=-1)",A(4,3),A(3)); case("F.pairwise_distance(a,b)",A(4,3),A(4,3)); case("F.pairwise_distance(a,b,p=1,keepdim=True)",A(4,3),A(3)); case("F.pairwise_distance(a,b,p=3.)",A(4,3),A(4,3)); case("F.pdist(a)",A(4,3)); case("F.pdist(a,p=1.)",A(4,3))
case("F.pad(a,(-1,2),'circular')",A(2,3,5)); case("F.pad(a,(1,-2),'circular')",A(2,3,5))
# vision
for m,sh in (("nearest",(1,2,4)),("nearest",(1,2,4,5)),("nearest",(1,2,3,4,2)),("nearest-exact",(1,2,4,5)),("nearest-exact",(1,2,7)),("area",(1,2,4,5)),("area",(1,2,7)),("linear",(1,2,4)),("bilinear",(2,2,4,5)),("bicubic",(1,2,4,5)),("trilinear",(1,2,3,4,2))):
    n=len(sh)-2
    for kw in ("scale_factor=2","scale_factor=1.7","scale_factor=0.6","size=7","size=%s"%([7,3,5][:n]),"scale_factor=1.7,recompute_scale_factor=True"):
        case(f"F.interpolate(a,{kw},mode='{m}')",A(*sh))
        if 'inear' in m or 'cubic' in m: case(f"F.interpolate(a,{kw},mode='{m}',align_corners=True)",A(*sh))
case("F.upsample(a,scale_factor=2)",A(1,2,3,3)); case("F.upsample_nearest(a,scale_factor=2)",A(1,2,3,3)); case("F.upsample_bilinear(a,scale_factor=2)",A(1,2,3,3))
case("F.pixel_shuffle(a,2)",A(2,8,2,3)); case("F.pixel_unshuffle(a,2)",A(2,3,4,6)); case("F.pixel_shuffle(a,3)",A(9,2,3)); case("F.channel_shuffle(a,2)",A(2,6,2,3)); case("torch.pixel_shuffle(a,2)",A(8,2,3))
case("F.unfold(a,2)",A(2,3,4,5)); case("F.unfold(a,(2,3),dilation=2,padding=1,stride=(2,1))",A(2,3,5,6)); case("F.unfold(a,2)",A(3,4,4)); case("F.fold(a,(4,5),2)",A(2,8,12)); case("F.fold(a,(5,6),(2,3),padding=1,stride=2)",A(18,9)) 
for kw in ("","is_causal=True","attn_mask=d.detach()","attn_mask=(d>0)","scale=.3"):
    case(f"F.scaled_dot_product_attention(a,b,c,{kw})",A(2,2,3,4),A(2,2,5,4),A(2,2,5,4),A(3,5)); case(f"F.scaled_dot_product_attention(a,b,c,{kw})",A(3,4),A(5,4),A(5,6),A(3,5))
case("F.scaled_dot_product_attention(a,b,c,enable_gqa=True)",A(2,4,3,4),A(2,2,5,4),A(2,2,5,4))
case("F.bilinear(a,b,c,d)",A(4,3),A(4,2),A(5,3,2),A(5)); case("F.bilinear(a,b,c)",A(2,4,3),A(2,4,2),A(5,3,2)); case("F.bilinear(a,b,c)",A(3),A(2),A(5,3,2))
case("F.linear(a,b,c)",A(4,3),A(2,3),A(2)); case("F.embedding(a,b)",I(5,2,3),A(5,4)); case("F.embedding(a,b,padding_idx=1)",I(5,2,3),A(5,4)); case("F.one_hot(a,5)",I(5,2,3))
# mixes
case("F.mse_loss(a,b.float())",A(3,2),A(3,2)); case("F.mse_loss(a,b.long())",A(3,2),A(3,2)); case("F.cross_entropy(a,b.byte())",A(3,5),I(5,3)); case("F.cross_entropy(a,b.float())",A(3,5),A(3,5,unit=True)); case("F.smooth_l1_loss(a,b.float())",A(3,2),A(3,2)); case("F.binary_cross_entropy_with_logits(a,b.float())",A(3,2),A(3,2,unit=True))
case("F.relu(a)",I(5,4)); case("F.relu6(a)",I(9,4)); case("F.hardtanh(a,1,3)",I(9,4)); case("F.threshold(a,1,3)",I(9,4)); case("F.max_pool2d(a,2)",I(9,1,4,4)); case("F.avg_pool2d(a,2)",I(9,1,4,4)); case("F.conv2d(a,b)",I(9,1,1,4,4),I(3,1,1,2,2)); case("F.pad(a,(1,1))",I(9,4)); case("F.pad(a,(1,1),'reflect')",I(9,2,4)); case("F.softmax(a,0,dtype=torch.float64)",I(9,4)); case("F.l1_loss(a,b,reduction='sum')",I(9,4),I(9,4))
# non contiguous
case("F.conv2d(a.transpose(2,3),b.transpose(2,3),c)",A(2,3,6,5),A(4,3,2,3),A(4)); case("F.batch_norm(a.transpose(1,2),None,None,training=True)",A(4,5,3)); case("F.layer_norm(a.transpose(0,1),(4,))",A(4,5)); case("F.max_pool2d(a.transpose(2,3),2)",A(2,3,6,5)); case("F.cross_entropy(a.transpose(0,1),b)",A(5,4),I(5,4)); case("F.softmax(a.t(),1)",A(4,5)); case("F.log_softmax(a[:, ::2],1)",A(4,5)); case("F.mse_loss(a.t(),b.t())",A(4,5),A(4,5)); case("F.group_norm(a.transpose(1,2),2)",A(2,5,4)); case("F.avg_pool2d(a.transpose(2,3),2)",A(2,3,6,5)); case("F.interpolate(a.transpose(2,3),scale_factor=2)",A(2,3,6,5)); case("F.nll_loss(a.t(),b)",A(5,4),I(5,4)); case("F.cross_entropy(a.permute(0,3,1,2),b)",A(2,3,4,5),I(5,2,3,4))

# What is refused, with which words.
for text in (
    'F.conv2d(o(1,1,8,8),o(6,3,5,5))',
    'F.conv2d(o(1,3,8,8),o(6,3,5,5),o(5))',
    'F.conv2d(o(3,8),o(6,3,5,5))',
    'F.conv2d(o(1,3,3,3),o(6,3,5,5))',
    'F.conv2d(o(1,3,8,8),o(6,3,5,5).double())',
    'F.conv2d(o(1,3,8,8).double(),o(6,3,5,5))',
    'F.conv2d(o(1,3,8,8),o(6,3,5,5),o(6).double())',
    'F.conv2d(o(1,4,8,8),o(5,2,5,5),groups=2)',
    'F.conv2d(o(1,3,8,8),o(6,3,5,5),stride=0)',
    'F.conv2d(o(1,3,8,8),o(6,3,5,5),padding=-1)',
    'F.conv2d(o(1,3,8,8),o(6,3,5,5),dilation=0)',
    'F.conv2d(o(1,3,8,8),o(6,3,5,5),stride=(1,2,3))',
    "F.conv2d(o(1,3,8,8),o(6,3,5,5),padding='same',stride=2)",
    "F.conv2d(o(1,3,8,8),o(6,3,5,5),padding='foo')",
    'F.conv1d(o(1,3,8,8),o(6,3,5))',
    'F.conv3d(o(3,8),o(6,3,5,1,1))',
    'F.conv_transpose2d(o(1,4,8,8),o(3,6,5,5))',
    'F.conv_transpose2d(o(1,3,8,8),o(3,6,5,5),output_padding=1)',
    'F.conv_transpose2d(o(1,3,8,8),o(3,6,5,5),o(5))',
    'F.conv_transpose2d(o(3,8),o(3,6,5,5))',
    'F.conv_transpose2d(o(1,3,1,1),o(3,6,2,2),padding=3)',
    'F.conv2d(o(1,3,0,8),o(6,3,5,5))',
    'F.conv2d(o(1,3,8,8),o(6,3,5,5),groups=0)',
    'F.max_pool2d(o(8,8),2)',
    'F.max_pool2d(o(1,3,8,8),2,padding=2)',
    'F.max_pool2d(o(1,3,1,1),2)',
    'F.max_pool2d(o(1,3,8,8),(2,2,2))',
    'F.max_pool2d(o(1,3,8,8),2,stride=0)',
    'F.max_pool2d(o(1,3,8,8),0)',
    'F.max_pool2d(o(1,0,8,8),2)',
    'F.max_pool1d(o(8),2)',
    'F.max_pool1d(o(1,1,8),2,padding=2)',
    'F.max_pool3d(o(8),2)',
    'F.max_pool1d(o(1,1,1),2)',
    'F.avg_pool2d(o(8,8),2)',
    'F.avg_pool1d(o(8),2)',
    'F.avg_pool2d(o(1,3,8,8),2,padding=2)',
    'F.avg_pool2d(o(1,3,8,8),2,divisor_override=0)',
    'F.avg_pool2d(o(1,3,1,1),2)',
    'F.adaptive_avg_pool2d(o(1,8,8),(1,1,1))',
    'F.adaptive_avg_pool2d(o(1,8,8),-1)',
    'F.adaptive_max_pool2d(o(8,8),1)',
    'F.adaptive_avg_pool1d(o(8),1)',
    'F.max_unpool2d(o(1,1,2,2),torch.full((1,1,2,2),100),2)',
    'F.max_unpool2d(o(1,1,2,2),torch.zeros(1,1,2,2),2)',
    'F.max_unpool2d(o(1,1,2,2),torch.zeros(1,1,2,3).long(),2)',
    'F.max_unpool2d(o(1,1,2,2),torch.zeros(1,1,2,2).long(),2,output_size=(9,9))',
    'F.batch_norm(x4(),None,None)',
    'F.batch_norm(R(1,4),None,None,training=True)',
    'F.batch_norm(x4(),o(4),o(3))',
    'F.batch_norm(x4(),o(3),o(3),o(4))',
    'F.batch_norm(x4(),o(3),o(3),o(3),o(4))',
    'F.batch_norm(x4(),o(3),o(4))',
    'F.batch_norm(R(3),o(3),o(3))',
    'F.batch_norm(x4().double(),o(3),o(3),o(3),o(3))',
    'F.batch_norm(o(2,3).long(),o(3),o(3))',
    'F.layer_norm(R(2,3),(4,))',
    'F.layer_norm(R(2,3),3)',
    'F.layer_norm(R(2,3),())',
    'F.layer_norm(R(2,3),(3,),R(4))',
    'F.layer_norm(R(2,3),(3,),R(3),R(4))',
    'F.layer_norm(R(2,3).double(),(3,),R(3),R(3))',
    'F.layer_norm(o(2,3).long(),(3,))',
    'F.group_norm(x4(),2)',
    'F.group_norm(R(1,2),2)',
    'F.group_norm(R(3),1)',
    'F.group_norm(R(2,4),2,R(3))',
    'F.instance_norm(R(3,4))',
    'F.instance_norm(R(2,3,1))',
    'F.instance_norm(x4(),None,None,use_input_stats=False)',
    'F.rms_norm(R(2,3),(4,))',
    'F.local_response_norm(R(2,3),2)',
    'F.local_response_norm(R(2),2)',
    'F.softmax(R(2,3),2)',
    'F.softmax(o(2,3).long(),1)',
    'F.log_softmax(o(2,3).long(),1)',
    'F.cross_entropy(R(3,5),L([1,2]))',
    'F.cross_entropy(R(3,5),L([1,2,5]))',
    'F.cross_entropy(R(3,5),L([1,2,-1]))',
    'F.cross_entropy(R(3,5),L([1.,2,3]))',
    'F.cross_entropy(R(3,5),L([1,2,3]).int())',
    'F.cross_entropy(R(3,5),L([1,2,3]),label_smoothing=1.1)',
    "F.cross_entropy(R(3,5),L([1,2,3]),reduction='foo')",
    'F.cross_entropy(R(3,5,2),L([1,2,3]))',
    'F.cross_entropy(R(3,5),L([1,2,3]),weight=o(4))',
    'F.cross_entropy(R(3,5),L([1,2,3]),weight=o(5).double())',
    'F.cross_entropy(R(3,5),torch.rand(3,5),ignore_index=1)',
    'F.cross_entropy(R(3,5),torch.rand(3,4))',
    'F.cross_entropy(o(3,5).long(),L([1,2,3]))',
    'F.cross_entropy(R(3,5),L([[1,2,3]]))',
    'F.cross_entropy(R(3,5),L(1))',
    'F.cross_entropy(R(3,5),L([1,2,3]).bool())',
    'F.nll_loss(R(3,5),L([1,2]))',
    'F.nll_loss(R(3,5,2,2),torch.zeros(3,2).long())',
    'F.nll_loss(R(3,5,2,2),torch.zeros(3,2,3).long())',
    'F.nll_loss(R(3,5),o(3))',
    'F.nll_loss(L(1.),L(1))',
    'F.nll_loss(R(3,5),L([1,7,3]))',
    'F.nll_loss(R(3,5,2,2),torch.full((3,2,2),7))',
    'F.nll_loss(R(3,5),L([1,2,3]),weight=o(4))',
    'F.nll_loss(R(3,5,2,2),torch.zeros(3,2,2).long(),weight=o(4))',
    'F.nll_loss(R(3,5,2,2),torch.zeros(3,2,2))',
    'F.mse_loss(R(3,2),o(3))',
    'F.mse_loss(R(3),o(3),weight=o(2))',
    'F.mse_loss(o(3).long(),o(3).long())',
    'F.mse_loss(R(3),3.)',
    'F.l1_loss(o(3).long(),o(3).long())',
    'F.smooth_l1_loss(R(3),o(3),beta=-1.)',
    'F.huber_loss(R(3),o(3),delta=0.)',
    'F.binary_cross_entropy(R(3)*3+8,o(3))',
    'F.binary_cross_entropy(R(3),o(2))',
    'F.binary_cross_entropy(torch.rand(3,requires_grad=True),o(3).long())',
    'F.binary_cross_entropy(torch.rand(3,requires_grad=True),o(3).double())',
    'F.binary_cross_entropy_with_logits(R(3),o(2))',
    'F.binary_cross_entropy_with_logits(R(3),o(3).long())',
    'F.gaussian_nll_loss(R(3),o(3),-o(3))',
    'F.gaussian_nll_loss(R(3,2),o(3,2),o(4))',
    'F.margin_ranking_loss(R(3),R(3,1),o(3))',
    'F.triplet_margin_loss(R(3,2),R(3),R(3,2))',
    'F.triplet_margin_loss(R(3,2),R(3,2),R(3,2),margin=0)',
    'F.multi_margin_loss(R(3,4),L([0,1,4]))',
    'F.multi_margin_loss(R(3,4),L([0,1]))',
    'F.multi_margin_loss(R(3,4),L([0,1,2]),p=3)',
    'F.multilabel_margin_loss(R(3,4),torch.zeros(3,3).long())',
    'F.hardtanh(R(3),2.,1.)',
    'F.celu(R(3),alpha=0.)',
    'F.softshrink(R(3),-1.)',
    'F.prelu(R(2,3),R(2))',
    'F.prelu(R(2,3),R(2,2))',
    'F.rrelu(R(3),.5,.1)',
    'F.glu(R(2,3))',
    'F.glu(L(1.))',
    "F.gelu(R(3),'tanh')",
    "F.gelu(R(3),'foo')",
    'F.gelu(o(3).long())',
    'F.elu(o(3).long())',
    'F.leaky_relu(o(3).long())',
    'F.selu(o(3).long())',
    'F.silu(o(3).long())',
    'F.mish(o(3).long())',
    'F.softplus(o(3).long())',
    'F.hardswish(o(3).long())',
    'F.hardsigmoid(o(3).long())',
    'F.relu(R(3),inplace=True)',
    'F.relu(o(3).bool())',
    'F.bilinear(R(4,3),R(4,2),R(5,3,3))',
    'F.embedding(L([[0,5]]),R(4,3))',
    'F.embedding(L([[0.,1]]),R(4,3))',
    'F.embedding(L([[0,1]]),R(4,3),padding_idx=7)',
    'F.embedding(L([[0,1]]),R(4))',
    'F.pad(R(2,3),(1,1,1))',
    'F.pad(R(2,3),(1,1,1,1,1,1))',
    "F.pad(x4(),(4,1,1,1),'reflect')",
    "F.pad(x4(),(5,1,1,1),'circular')",
    "F.pad(x4(),(1,1),'reflect')",
    "F.pad(x4(),(1,1),'foo')",
    "F.pad(x4(),(1,1),'reflect',value=1)",
    "F.pad(R(3),(1,1),'reflect')",
    "F.pad(R(1,2,0),(1,1),'reflect')",
    "F.pad(R(1,2,3),(3,3),'reflect')",
    "F.interpolate(x4(),size=5,mode='linear')",
    "F.interpolate(x4(),size=5,mode='foo')",
    'F.interpolate(x4())',
    'F.interpolate(x4(),size=5,scale_factor=2)',
    'F.interpolate(x4(),size=5,align_corners=True)',
    'F.interpolate(x4(),scale_factor=(2,2,2))',
    'F.interpolate(x4(),size=(2,2,2))',
    'F.interpolate(R(2,3),size=3)',
    'F.interpolate(x4(),size=0)',
    "F.interpolate(R(1,2,4),size=7,mode='bilinear')",
    'F.pixel_shuffle(R(1,3,2,2),2)',
    'F.pixel_unshuffle(R(1,1,3,4),2)',
    'F.pixel_shuffle(R(2,2),2)',
    'F.pixel_shuffle(R(1,4,2,2),0)',
    'F.channel_shuffle(R(1,4,2,2),3)',
    'F.unfold(x4(),5)',
    'F.fold(R(1,11,4),(3,3),2)',
    'F.fold(R(1,12,5),(3,3),2)',
    'F.unfold(x4(),2,stride=0)',
    'F.scaled_dot_product_attention(R(2,2,3,4),R(2,2,5,4),R(2,2,5,4),attn_mask=o(3,5).long())',
    'F.scaled_dot_product_attention(R(4),R(4),R(4))',
    'F.scaled_dot_product_attention(R(2,4),R(2,4).double(),R(2,4))',
    'F.linear(o(2,3),o(4,5))',
    'F.bilinear(R(4,3),R(5,2),R(5,3,2))',
    'F.logsigmoid(o(3).long())',
    "F.mse_loss(R(3),o(3),reduction='foo')",
):
    case(text)


if __name__ == "__main__":
    import torch

    warnings.simplefilter("ignore")
    with open(HERE / "functional_goldens.jsonl", "w") as file:
        for expression, inputs in CASES:
            found = run(torch, torch.nn.functional, expression, inputs)
            line = {"call": expression, "inputs": inputs, **found}
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
